-- The schema before tuning: the only indexes are those of keys, and policies ask for every row. A foreign key that
-- already leads a unique constraint (contacts and messages by workspace, tags by workspace, conversation_tags by
-- conversation) has no index of its own.

-- The service's own role. It owns nothing and bypasses nothing; it cannot log in until it is given a password.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tailgate_api') THEN
        CREATE ROLE tailgate_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
END $$;

CREATE TABLE workspaces (
    id              uuid        PRIMARY KEY DEFAULT uuidv7(),
    name            text        NOT NULL,
    api_key_sha256  bytea       NOT NULL UNIQUE CHECK (octet_length(api_key_sha256) = 32),
    phone_number_id text        NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- Members: one person is one row in each workspace that she belongs to.
CREATE TABLE users (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name         text NOT NULL,
    email        text NOT NULL,
    role         text NOT NULL CHECK (role IN ('admin', 'agent')),
    -- Who she is to the issuer of tokens.
    subject      text,
    UNIQUE (workspace_id, subject)
);
CREATE INDEX users_subject_idx ON users (subject);

CREATE TABLE contacts (
    id           uuid        PRIMARY KEY DEFAULT uuidv7(),
    workspace_id uuid        NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name         text        NOT NULL,
    phone        text        NOT NULL,
    phone_digits text        NOT NULL GENERATED ALWAYS AS (regexp_replace(phone, '\D', '', 'g')) STORED,
    email        text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    -- One caller is one contact: what makes a repeated or concurrent intake an upsert.
    UNIQUE (workspace_id, phone_digits),
    CHECK (phone_digits <> '')
);

CREATE TABLE notes (
    id           uuid        PRIMARY KEY DEFAULT uuidv7(),
    workspace_id uuid        NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    contact_id   uuid        NOT NULL REFERENCES contacts ON DELETE CASCADE,
    author_id    uuid        REFERENCES users ON DELETE SET NULL,
    body         text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notes_workspace_id_idx ON notes (workspace_id);
CREATE INDEX notes_contact_id_idx ON notes (contact_id);
CREATE INDEX notes_author_id_idx ON notes (author_id);

CREATE TABLE conversations (
    id                   uuid        PRIMARY KEY DEFAULT uuidv7(),
    workspace_id         uuid        NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    contact_id           uuid        NOT NULL REFERENCES contacts ON DELETE CASCADE,
    -- "Active" is open or pending.
    status               text        NOT NULL DEFAULT 'open'
                                     CHECK (status IN ('open', 'pending', 'resolved', 'archived')),
    assigned_to          uuid        REFERENCES users ON DELETE SET NULL,
    channel              text        NOT NULL DEFAULT 'whatsapp',
    -- What it is about.
    domain               text        NOT NULL DEFAULT 'support',
    -- Whatever the provider sends along.
    metadata             jsonb       NOT NULL DEFAULT '{}',
    unread_count         integer     NOT NULL DEFAULT 0 CHECK (unread_count >= 0),
    last_message_at      timestamptz NOT NULL DEFAULT now(),
    last_message_preview text,
    created_at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversations_workspace_id_idx ON conversations (workspace_id);
CREATE INDEX conversations_contact_id_idx ON conversations (contact_id);
CREATE INDEX conversations_assigned_to_idx ON conversations (assigned_to);

CREATE TABLE tags (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name         text NOT NULL,
    color        text NOT NULL,
    UNIQUE (workspace_id, name)
);

CREATE TABLE conversation_tags (
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    tag_id          uuid NOT NULL REFERENCES tags ON DELETE CASCADE,
    PRIMARY KEY (conversation_id, tag_id)
);
CREATE INDEX conversation_tags_tag_id_idx ON conversation_tags (tag_id);

CREATE TABLE messages (
    id                  uuid        PRIMARY KEY DEFAULT uuidv7(),
    -- Added when there were messages already: those of before have none.
    workspace_id        uuid        REFERENCES workspaces ON DELETE CASCADE,
    conversation_id     uuid        NOT NULL REFERENCES conversations ON DELETE CASCADE,
    direction           text        NOT NULL CHECK (direction IN ('in', 'out')),
    body                text        NOT NULL,
    sender_id           uuid        REFERENCES users ON DELETE SET NULL,
    provider_message_id text,
    metadata            jsonb       NOT NULL DEFAULT '{}',
    status              text        NOT NULL
                                    CHECK (status IN ('received', 'queued', 'sent', 'delivered', 'read', 'failed')),
    created_at          timestamptz NOT NULL DEFAULT now(),
    -- A delivery the provider sends again is the same message.
    UNIQUE (workspace_id, provider_message_id)
);
CREATE INDEX messages_conversation_id_idx ON messages (conversation_id);
CREATE INDEX messages_sender_id_idx ON messages (sender_id);

-- Of two states of a row the later has the larger revision, whichever process wrote it.
CREATE SEQUENCE revisions;

-- What a voice agent is told to be, and what of that the outside provider has.
CREATE TABLE agents (
    id                uuid        PRIMARY KEY DEFAULT uuidv7(),
    workspace_id      uuid        NOT NULL UNIQUE REFERENCES workspaces ON DELETE CASCADE,
    phone_number      text        NOT NULL UNIQUE,
    configuration     jsonb       NOT NULL,
    version           bigint      NOT NULL DEFAULT 1,
    provider_agent_id text,
    synced_sha256     bytea,
    synced_at         timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    revision          bigint      NOT NULL DEFAULT nextval('revisions')
);

CREATE TABLE calls (
    id           uuid        PRIMARY KEY DEFAULT uuidv7(),
    workspace_id uuid        NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    contact_id   uuid        NOT NULL REFERENCES contacts ON DELETE CASCADE,
    outcome      text        NOT NULL CHECK (outcome IN ('answered', 'missed', 'voicemail', 'failed')),
    -- How likely the caller buys, as the agent judged it: 0 to 100; none for a call that was not answered.
    lead_score   smallint    CHECK (lead_score BETWEEN 0 AND 100),
    summary      text,
    started_at   timestamptz NOT NULL DEFAULT now(),
    seconds      integer     NOT NULL DEFAULT 0 CHECK (seconds >= 0)
);
CREATE INDEX calls_workspace_id_idx ON calls (workspace_id);
CREATE INDEX calls_contact_id_idx ON calls (contact_id);

-- What happened in a workspace, numbered without a gap in the order of commits: the row of its counter is locked from
-- the number's birth to the commit. A sequence's numbers would become visible out of order.
CREATE TABLE event_counters (
    workspace_id uuid   PRIMARY KEY REFERENCES workspaces ON DELETE CASCADE,
    number       bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE events (
    workspace_id uuid        NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    number       bigint      NOT NULL,
    kind         text        NOT NULL,
    -- Whom it tells of: when she is deleted, so is what it tells.
    contact_id   uuid,
    -- The event as it is sent, without its number.
    body         json        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, number)
);
CREATE INDEX events_contact_id_idx ON events (contact_id) WHERE contact_id IS NOT NULL;

-- Who asks, as the service tells it for one transaction: a workspace, and one of its members unless it is a key.
CREATE FUNCTION asking_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('tailgate.workspace', true), '')::uuid;
CREATE FUNCTION asking_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('tailgate.user', true), '')::uuid;

-- Whether who asks belongs to a workspace; of nobody, and of what has none, not true.
CREATE FUNCTION may_see(workspace uuid) RETURNS boolean LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN workspace = asking_workspace() AND (asking_user() IS NULL
        OR EXISTS (SELECT FROM users u WHERE u.id = asking_user() AND u.workspace_id = workspace));
END $$;

CREATE FUNCTION workspace_of(conversation uuid) RETURNS uuid LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (SELECT c.workspace_id FROM conversations c WHERE c.id = conversation);
END $$;

-- A moment as the service writes it in JSON.
CREATE FUNCTION shown(moment timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN replace(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z');

-- What is looked up before it is known who asks.
CREATE FUNCTION workspace_by_key(sha256 bytea) RETURNS TABLE (id uuid, name text, api_key_sha256 bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 1
    BEGIN ATOMIC SELECT w.id, w.name, w.api_key_sha256 FROM workspaces w WHERE w.api_key_sha256 = sha256; END;
CREATE FUNCTION workspace_by_number(phone_number_id text) RETURNS uuid LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT w.id FROM workspaces w WHERE w.phone_number_id = workspace_by_number.phone_number_id);
CREATE FUNCTION memberships(subject text) RETURNS TABLE (workspace_id uuid, name text, user_id uuid, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 1
    BEGIN ATOMIC
        SELECT u.workspace_id, w.name, u.id, u.role FROM users u JOIN workspaces w ON w.id = u.workspace_id
        WHERE u.subject = memberships.subject ORDER BY u.workspace_id;
    END;

-- Whether what was shown still lets in: the key of a workspace, or the subject of one of its members, by its SHA-256.
CREATE FUNCTION lets_in(proof bytea, workspace uuid, member uuid, as_role text) RETURNS boolean LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp
    RETURN CASE WHEN member IS NULL
        THEN as_role = 'key' AND EXISTS (
            SELECT FROM workspaces w WHERE w.id = workspace AND w.api_key_sha256 = proof)
        ELSE EXISTS (
            SELECT FROM users u WHERE u.id = member AND u.workspace_id = workspace AND u.role = as_role
                AND sha256(convert_to(u.subject, 'UTF8')) = proof) END;

-- A ticket lets one live connection in, once, as who asked for it. Nobody reads the table: two functions do.
CREATE TABLE live_tickets (
    sha256       bytea       PRIMARY KEY CHECK (octet_length(sha256) = 32),
    workspace_id uuid        NOT NULL,
    user_id      uuid,
    role         text        NOT NULL,
    proof        bytea       NOT NULL,
    -- When the token ends that was shown.
    until        timestamptz,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX live_tickets_expires_at_idx ON live_tickets (expires_at);
ALTER TABLE live_tickets ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION issue_ticket(
    ticket bytea, seconds double precision, proof bytea, workspace uuid, member uuid, as_role text, until timestamptz
) RETURNS timestamptz LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        DELETE FROM live_tickets WHERE sha256 IN (
            SELECT t.sha256 FROM live_tickets t WHERE t.expires_at < now() LIMIT 100 FOR UPDATE SKIP LOCKED);
        INSERT INTO live_tickets (sha256, workspace_id, user_id, role, proof, until, expires_at)
            VALUES (ticket, workspace, member, as_role, proof, until, now() + seconds * interval '1 second')
            RETURNING expires_at;
    END;

-- Used up by whoever comes first, in time or late; no row unless what was shown for it would still let in.
CREATE FUNCTION redeem_ticket(ticket bytea)
    RETURNS TABLE (workspace_id uuid, user_id uuid, role text, proof bytea, until timestamptz) LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp ROWS 1
    BEGIN ATOMIC
        WITH used AS (DELETE FROM live_tickets t WHERE t.sha256 = ticket RETURNING t.*)
        SELECT u.workspace_id, u.user_id, u.role, u.proof, u.until FROM used u
        WHERE u.expires_at > now() AND coalesce(u.until > now(), true)
            AND lets_in(u.proof, u.workspace_id, u.user_id, u.role);
    END;

-- Who keeps in mind who may ask is told when that changes: the workspace, and what let in before or does now, hashed.
CREATE FUNCTION tell_access() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        PERFORM pg_notify('access', concat_ws(' ', workspace, encode(sha256(convert_to(subject, 'UTF8')), 'hex')))
        FROM (VALUES (OLD.workspace_id, OLD.subject), (NEW.workspace_id, NEW.subject)) told (workspace, subject)
        WHERE workspace IS NOT NULL;
    ELSE
        PERFORM pg_notify('access', concat_ws(' ', workspace, encode(sha256, 'hex')))
        FROM (VALUES (OLD.id, OLD.api_key_sha256), (NEW.id, NEW.api_key_sha256)) told (workspace, sha256)
        WHERE workspace IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER access_told AFTER INSERT OR DELETE OR UPDATE OF workspace_id, role, subject ON users
    FOR EACH ROW EXECUTE FUNCTION tell_access();
CREATE TRIGGER access_told AFTER DELETE OR UPDATE OF name, api_key_sha256 ON workspaces
    FOR EACH ROW EXECUTE FUNCTION tell_access();

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_counters ENABLE ROW LEVEL SECURITY;

CREATE POLICY own ON workspaces USING (may_see(id));
CREATE POLICY own ON users USING (may_see(workspace_id));
CREATE POLICY own ON contacts USING (may_see(workspace_id));
CREATE POLICY own ON notes USING (may_see(workspace_id));
CREATE POLICY own ON tags USING (may_see(workspace_id));
CREATE POLICY own ON conversation_tags USING (may_see(workspace_of(conversation_id)));
CREATE POLICY own ON agents USING (may_see(workspace_id));
CREATE POLICY own ON calls USING (may_see(workspace_id));
CREATE POLICY own ON events USING (may_see(workspace_id));

-- These two are guarded against reading only.
CREATE POLICY reading ON conversations FOR SELECT USING (may_see(workspace_id));
CREATE POLICY inserting ON conversations FOR INSERT WITH CHECK (true);
CREATE POLICY updating ON conversations FOR UPDATE USING (true);
CREATE POLICY deleting ON conversations FOR DELETE USING (true);
CREATE POLICY reading ON messages FOR SELECT USING (may_see(workspace_of(conversation_id)));
CREATE POLICY inserting ON messages FOR INSERT WITH CHECK (true);
CREATE POLICY updating ON messages FOR UPDATE USING (true);
CREATE POLICY deleting ON messages FOR DELETE USING (true);

GRANT SELECT ON workspaces, users, events TO tailgate_api;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON contacts, notes, conversations, tags, conversation_tags, messages, agents, calls TO tailgate_api;
GRANT SELECT ON schema_migrations TO tailgate_api;

GRANT USAGE ON SEQUENCE revisions TO tailgate_api;

-- Who keeps agents in mind is told when one changes: the workspace, and the revision before which all is outdated.
-- Nobody keeps in mind that there is none.
CREATE FUNCTION revise_agent() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.revision := nextval('revisions');
    RETURN NEW;
END $$;
CREATE TRIGGER agent_revised BEFORE UPDATE ON agents FOR EACH ROW EXECUTE FUNCTION revise_agent();
CREATE FUNCTION tell_agent() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_notify('cache', OLD.workspace_id || ' '
        || CASE TG_OP WHEN 'DELETE' THEN nextval('revisions') ELSE NEW.revision END);
    RETURN NULL;
END $$;
CREATE TRIGGER agent_told AFTER UPDATE OR DELETE ON agents FOR EACH ROW EXECUTE FUNCTION tell_agent();

-- What happened is numbered, kept and told. Called last in a transaction, whatever else that does and in whatever order, so
-- that the counter is locked as shortly as can be. Only what may write events may call it.
CREATE FUNCTION tell_event(workspace uuid, contact uuid, kind text, told json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    numbered bigint;
    moment timestamptz;
BEGIN
    INSERT INTO event_counters AS c (workspace_id, number) VALUES (workspace, 1)
        ON CONFLICT (workspace_id) DO UPDATE SET number = c.number + 1 RETURNING number INTO numbered;
    -- Not when the transaction began: later numbers are of later moments.
    INSERT INTO events (workspace_id, number, kind, contact_id, body, created_at)
        VALUES (workspace, numbered, kind, contact, told, clock_timestamp()) RETURNING created_at INTO moment;
    -- A notification may have 8,000 bytes: what is larger is fetched by its number.
    PERFORM pg_notify('events', concat_ws(' ', workspace, numbered, kind, shown(moment),
        CASE WHEN octet_length(told::text) < 7800 THEN told::text END));
END $$;

-- Every message is an event.
CREATE FUNCTION tell_message() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    workspace uuid;
    contact uuid;
    told json;
BEGIN
    SELECT c.workspace_id, c.contact_id, json_build_object(
        'message', json_build_object(
            'id', NEW.id, 'conversation_id', NEW.conversation_id, 'direction', NEW.direction, 'body', NEW.body,
            'sender_id', NEW.sender_id, 'provider_message_id', NEW.provider_message_id, 'metadata', NEW.metadata,
            'status', NEW.status,
            'created_at', shown(NEW.created_at)),
        'conversation', json_build_object(
            'id', c.id, 'contact_id', c.contact_id, 'status', c.status, 'assigned_to', c.assigned_to,
            'unread_count', c.unread_count, 'last_message_at', shown(c.last_message_at),
            'last_message_preview', c.last_message_preview))
    INTO workspace, contact, told FROM conversations c WHERE c.id = NEW.conversation_id;
    IF FOUND THEN  -- the conversation was not deleted in the same transaction
        PERFORM tell_event(workspace, contact, 'message', told);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER message_told AFTER INSERT ON messages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell_message();

CREATE FUNCTION contact_shown(k contacts) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', k.id, 'name', k.name, 'phone', k.phone, 'email', k.email,
        'created_at', shown(k.created_at), 'updated_at', shown(k.updated_at));

-- A conversation that somebody changed is an event, with its tags and all: once, though several rows may say so one after
-- another. A message brings its conversation along; the columns that it sets there are none of these.
CREATE FUNCTION tell_conversation() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed uuid;
    workspace uuid;
    contact uuid;
    told json;
BEGIN
    IF TG_TABLE_NAME = 'conversations' THEN
        changed := NEW.id;
    ELSE
        changed := coalesce(NEW.conversation_id, OLD.conversation_id);
    END IF;
    IF changed::text = current_setting('tailgate.told', true) THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('tailgate.told', changed::text, true);
    SELECT c.workspace_id, c.contact_id, json_build_object('conversation', json_build_object(
        'id', c.id, 'contact_id', c.contact_id, 'status', c.status, 'assigned_to', c.assigned_to,
        'channel', c.channel, 'domain', c.domain, 'metadata', c.metadata, 'unread_count', c.unread_count,
        'last_message_at', shown(c.last_message_at), 'last_message_preview', c.last_message_preview,
        'created_at', shown(c.created_at), 'contact', contact_shown(k),
        'tags', array_to_json(ARRAY(
            SELECT json_build_object('id', t.id, 'name', t.name, 'color', t.color)
            FROM conversation_tags ct JOIN tags t ON t.id = ct.tag_id
            WHERE ct.conversation_id = c.id ORDER BY t.name, t.id))))
    INTO workspace, contact, told
    FROM conversations c JOIN contacts k ON k.id = c.contact_id WHERE c.id = changed;
    IF FOUND THEN
        PERFORM tell_event(workspace, contact, 'conversation', told);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER conversation_told AFTER UPDATE OF status, assigned_to, domain, metadata ON conversations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION tell_conversation();
CREATE CONSTRAINT TRIGGER conversation_told AFTER INSERT OR DELETE ON conversation_tags
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell_conversation();

-- So is a contact that was changed, and one that was deleted, of whom no event tells any more from then on.
CREATE FUNCTION tell_contact() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    told json;
BEGIN
    SELECT json_build_object('contact', contact_shown(k)) INTO told FROM contacts k WHERE k.id = NEW.id;
    IF FOUND THEN
        PERFORM tell_event(NEW.workspace_id, NEW.id, 'contact', told);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER contact_told AFTER UPDATE ON contacts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tell_contact();

-- The numbers stay, for numbers have no gap. Nobody can add another event of hers: who could has held a row of hers.
CREATE FUNCTION erase_contact() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM workspaces w WHERE w.id = OLD.workspace_id) THEN  -- else all goes with it
        UPDATE events SET kind = 'erased', contact_id = NULL, body = '{}' WHERE contact_id = OLD.id;
        PERFORM tell_event(OLD.workspace_id, NULL, 'contact_deleted',
            json_build_object('contact', json_build_object('id', OLD.id)));
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER contact_erased AFTER DELETE ON contacts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION erase_contact();

-- Removes up to so many events that are older than so many seconds; how many there were, or NULL when somebody else is at
-- it. Whoever asks, those of the last hour stay, and so does the last of a workspace: it says how far the numbers have
-- come. Only the oldest are looked at, by the index; later numbers are of later moments.
CREATE FUNCTION prune_events(older double precision, most integer) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before constant timestamptz := now() - greatest(older, 3600) * interval '1 second';
    space uuid;
    found integer;
    removed integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('prune_events')) THEN
        RETURN NULL;
    END IF;
    FOR space IN SELECT w.id FROM workspaces w ORDER BY w.id LOOP
        WITH oldest AS MATERIALIZED (
            SELECT e.number, e.created_at FROM events e
            WHERE e.workspace_id = space AND e.number < (SELECT max(l.number) FROM events l WHERE l.workspace_id = space)
            ORDER BY e.number LIMIT most - removed
        ), free AS MATERIALIZED (
            -- What is being erased is left for the next time: neither waits for the other.
            SELECT e.number FROM events e
            WHERE e.workspace_id = space AND e.number IN (SELECT o.number FROM oldest o WHERE o.created_at < before)
            FOR UPDATE SKIP LOCKED
        )
        DELETE FROM events e WHERE e.workspace_id = space AND e.number IN (SELECT f.number FROM free f);
        GET DIAGNOSTICS found = ROW_COUNT;
        removed := removed + found;
        EXIT WHEN removed >= most;
    END LOOP;
    RETURN removed;
END $$;
