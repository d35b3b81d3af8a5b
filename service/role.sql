-- The role that the service logs in as, with its password, before the migrations, which give it its rights.
-- Run by Postgres' image when the database is made.
\getenv password TAILGATE_API_PASSWORD
CREATE ROLE tailgate_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'password';
