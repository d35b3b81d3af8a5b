-- outside a transaction
-- What text is searched by: its words in small letters. They are runs of letters and digits, whatever the language, so
-- that a word's beginning finds it. No word asked for is as long as those kept at most.
CREATE OR REPLACE FUNCTION words(said text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT DISTINCT left(word, 256)
        FROM regexp_split_to_table(lower(said COLLATE pg_c_utf8), '[^[:alnum:]]+') word WHERE word <> ''
    );
-- Each word is kept with its workspace before it: a search walks over the part of the index that is its own.
CREATE OR REPLACE FUNCTION searchable(workspace uuid, said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(ARRAY(SELECT concat(workspace, ' ', word) FROM unnest(words(said)) word));
-- That each word said begins one there; of no words, nothing.
CREATE OR REPLACE FUNCTION searched(workspace uuid, said text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(array_to_string(ARRAY(
        SELECT concat('''', workspace, ' ', word, ''':*') FROM unnest(words(said)) word
    ), ' & '), '')::tsquery;

-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS contacts_search;
CREATE INDEX CONCURRENTLY contacts_search ON contacts USING gin (searchable(workspace_id, name || ' ' || phone_digits));
DROP INDEX CONCURRENTLY IF EXISTS conversations_search;
CREATE INDEX CONCURRENTLY conversations_search ON conversations USING gin (searchable(workspace_id, last_message_preview));
DROP INDEX CONCURRENTLY IF EXISTS contacts_recent;
CREATE INDEX CONCURRENTLY contacts_recent ON contacts (workspace_id, created_at DESC, id DESC);

-- Below a policy the planner uses an index only for operators that are known to tell nothing of the rows they refuse,
-- and @@ is not among them. So these ask the policies' question themselves, once, and answer with ids alone.
CREATE OR REPLACE FUNCTION contacts_found(workspace uuid, said text) RETURNS SETOF uuid LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $$
    SELECT k.id FROM contacts k
    WHERE workspace = (SELECT seen_workspace())
        AND searchable(k.workspace_id, k.name || ' ' || k.phone_digits) @@ searched(workspace, said)
$$;
-- Each word is looked for in the contact and in the preview, and what is found for all of them is found.
CREATE OR REPLACE FUNCTION conversations_found(workspace uuid, said text) RETURNS SETOF uuid LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $$
    SELECT found.id FROM unnest(words(said)) word, LATERAL (
        SELECT c.id FROM contacts k JOIN conversations c ON c.contact_id = k.id
        WHERE workspace = (SELECT seen_workspace())
            AND searchable(k.workspace_id, k.name || ' ' || k.phone_digits) @@ searched(workspace, word)
        UNION
        SELECT c.id FROM conversations c
        WHERE workspace = (SELECT seen_workspace())
            AND searchable(c.workspace_id, c.last_message_preview) @@ searched(workspace, word)
    ) found
    GROUP BY found.id HAVING count(*) = cardinality(words(said))
$$;
