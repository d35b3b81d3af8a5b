-- outside a transaction
-- The read model: documents as they are sent, made anew in the transaction of whatever write they show, and told to every
-- process. A card is found by the phone's digits, an item of the inbox by its conversation, the team by its workspace.
CREATE TABLE IF NOT EXISTS documents (
    workspace_id uuid        NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    kind         text        NOT NULL CHECK (kind IN ('card', 'item', 'team')),
    key          text        NOT NULL,
    -- What those that are loaded ahead are ordered by.
    recent       timestamptz NOT NULL,
    document     json        NOT NULL,
    PRIMARY KEY (workspace_id, kind, key)
);
CREATE INDEX IF NOT EXISTS documents_recent ON documents (workspace_id, kind, recent DESC, key DESC);

-- What a transaction has made stale, until it commits. No row of it outlives its transaction, so none is missed after a crash.
CREATE UNLOGGED TABLE IF NOT EXISTS stale_documents (
    transaction  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    workspace_id uuid NOT NULL,
    kind         text NOT NULL,
    key          text NOT NULL,
    PRIMARY KEY (transaction, workspace_id, kind, key)
);

-- How often documents of a workspace have changed. Who counts holds the row until the commit, so the order of the numbers
-- is that of the commits, and a document is made when nobody else is at those of its workspace. It is the row of the events'
-- counter, since two rows could be locked in two orders.
ALTER TABLE event_counters ADD COLUMN IF NOT EXISTS documents bigint NOT NULL DEFAULT 0;

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE stale_documents ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own ON documents;
CREATE POLICY own ON documents FOR SELECT USING (workspace_id = (SELECT seen_workspace()));
DROP POLICY IF EXISTS own ON event_counters;
CREATE POLICY own ON event_counters FOR SELECT USING (workspace_id = (SELECT seen_workspace()));
GRANT SELECT ON documents, event_counters TO tailgate_api;

-- Which workspaces there are, for loading ahead: nothing of them but their ids, and whether documents are missing.
CREATE OR REPLACE FUNCTION document_workspaces() RETURNS TABLE (workspace_id uuid, missing boolean) LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
        SELECT w.id, NOT EXISTS (SELECT FROM documents d WHERE d.workspace_id = w.id AND d.kind = 'team')
            OR (SELECT count(*) FROM contacts k WHERE k.workspace_id = w.id)
                <> (SELECT count(*) FROM documents d WHERE d.workspace_id = w.id AND d.kind = 'card')
            OR (SELECT count(*) FROM conversations c WHERE c.workspace_id = w.id)
                <> (SELECT count(*) FROM documents d WHERE d.workspace_id = w.id AND d.kind = 'item')
        FROM workspaces w ORDER BY w.id
    $$;

-- The document as it should be now; none when there is nothing to show. By the rights of who asks.
CREATE OR REPLACE FUNCTION document_of(workspace uuid, kind text, key text, OUT document json, OUT recent timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF kind = 'card' THEN
        SELECT row_to_json(card), coalesce(latest.last_message_at, k.created_at) INTO document, recent
        FROM contacts k
        LEFT JOIN LATERAL (
            SELECT c.* FROM conversations c WHERE c.contact_id = k.id AND c.workspace_id = workspace
            ORDER BY c.last_message_at DESC, c.id DESC LIMIT 1
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT (SELECT row_to_json(x) FROM (
                        SELECT k.id, k.name, k.phone, k.email, shown(k.created_at) AS created_at,
                               shown(k.updated_at) AS updated_at) x) AS contact,
                   array_to_json(ARRAY(SELECT row_to_json(x) FROM (
                        SELECT n.id, n.author_id, n.body, shown(n.created_at) AS created_at
                        FROM notes n WHERE n.contact_id = k.id AND n.workspace_id = workspace
                        ORDER BY n.created_at DESC, n.id DESC LIMIT 20) x)) AS notes,
                   (SELECT row_to_json(x) FROM (
                        SELECT latest.id, latest.contact_id, latest.status, latest.assigned_to, latest.channel,
                               latest.domain, latest.metadata, latest.unread_count,
                               shown(latest.last_message_at) AS last_message_at, latest.last_message_preview,
                               shown(latest.created_at) AS created_at) x WHERE latest.id IS NOT NULL) AS conversation,
                   array_to_json(ARRAY(SELECT row_to_json(x) FROM (
                        SELECT m.id, m.conversation_id, m.direction, m.body, m.sender_id, m.provider_message_id,
                               m.metadata, m.status, shown(m.created_at) AS created_at
                        FROM messages m WHERE m.conversation_id = latest.id AND m.workspace_id = workspace
                        ORDER BY m.created_at DESC, m.id DESC LIMIT 20) x)) AS messages
        ) card
        WHERE k.workspace_id = workspace AND k.phone_digits = key;
    ELSIF kind = 'item' THEN
        SELECT row_to_json(item), c.last_message_at INTO document, recent
        FROM conversations c
        JOIN contacts k ON k.id = c.contact_id AND k.workspace_id = workspace
        CROSS JOIN LATERAL (
            SELECT c.id, c.contact_id, c.status, c.assigned_to, c.channel, c.domain, c.metadata, c.unread_count,
                   shown(c.last_message_at) AS last_message_at, c.last_message_preview,
                   shown(c.created_at) AS created_at,
                   (SELECT row_to_json(x) FROM (
                        SELECT k.id, k.name, k.phone, k.email, shown(k.created_at) AS created_at,
                               shown(k.updated_at) AS updated_at) x) AS contact,
                   array_to_json(ARRAY(SELECT row_to_json(x) FROM (
                        SELECT t.id, t.name, t.color FROM conversation_tags ct JOIN tags t ON t.id = ct.tag_id
                        WHERE ct.conversation_id = c.id AND t.workspace_id = workspace
                        ORDER BY t.name, t.id) x)) AS tags
        ) item
        WHERE c.id = key::uuid AND c.workspace_id = workspace;
    ELSE
        SELECT array_to_json(ARRAY(SELECT row_to_json(x) FROM (
                   SELECT u.id, u.name, u.email, u.role FROM users u WHERE u.workspace_id = workspace
                   ORDER BY u.name, u.id) x)), w.created_at INTO document, recent
        FROM workspaces w WHERE w.id = workspace;
    END IF;
END $$;

-- A notification may have 8,000 bytes: a document comes in as many as it takes, and one that is too large for that is only
-- said to have changed. A part is counted in characters, of up to four bytes each.
CREATE OR REPLACE FUNCTION tell_document(number bigint, workspace uuid, kind text, key text, document text)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    size constant integer := CASE WHEN octet_length(document) = char_length(document) THEN 7700 ELSE 1900 END;
    parts constant integer := ceil(char_length(document) / size::numeric);
    about constant text := concat_ws(' ', number, workspace, kind, key);
BEGIN
    IF document IS NULL THEN
        PERFORM pg_notify('documents', about || ' gone');
    ELSIF octet_length(document) > 100000 THEN
        PERFORM pg_notify('documents', about || ' large');
    ELSE
        FOR part IN 1 .. parts LOOP
            PERFORM pg_notify('documents',
                concat_ws(' ', about, part || '/' || parts, substr(document, (part - 1) * size + 1, size)));
        END LOOP;
    END IF;
END $$;

-- Runs when a transaction commits, after all it did. The first row does the work of all; what is the same as before is not told.
-- Last comes the transaction by itself: who has heard it has heard all of it.
CREATE OR REPLACE FUNCTION refresh_documents() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    space uuid;
    number bigint;
    stale record;
    made record;
BEGIN
    FOR space IN
        SELECT DISTINCT s.workspace_id FROM stale_documents s WHERE s.transaction = pg_current_xact_id() ORDER BY 1
    LOOP
        INSERT INTO event_counters AS c (workspace_id, number, documents)
            SELECT w.id, 0, 1 FROM workspaces w WHERE w.id = space
            ON CONFLICT (workspace_id) DO UPDATE SET documents = c.documents + 1
            RETURNING c.documents INTO number;
        FOR stale IN
            DELETE FROM stale_documents s WHERE s.transaction = pg_current_xact_id() AND s.workspace_id = space
            RETURNING s.kind, s.key
        LOOP
            CONTINUE WHEN number IS NULL;  -- the workspace was deleted, and its documents with it
            SELECT d.document, d.recent INTO made FROM document_of(space, stale.kind, stale.key) d;
            IF made.document IS NULL THEN
                DELETE FROM documents d
                    WHERE d.workspace_id = space AND d.kind = stale.kind AND d.key = stale.key;
            ELSE
                INSERT INTO documents AS d (workspace_id, kind, key, recent, document)
                    VALUES (space, stale.kind, stale.key, made.recent, made.document)
                    ON CONFLICT ON CONSTRAINT documents_pkey
                    DO UPDATE SET recent = excluded.recent, document = excluded.document
                    WHERE d.document::text <> excluded.document::text OR d.recent <> excluded.recent;
            END IF;
            IF FOUND THEN
                PERFORM tell_document(number, space, stale.kind, stale.key, made.document::text);
            END IF;
        END LOOP;
        PERFORM pg_notify('documents', pg_current_xact_id()::text);
    END LOOP;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS documents_refreshed ON stale_documents;
CREATE CONSTRAINT TRIGGER documents_refreshed AFTER INSERT ON stale_documents
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refresh_documents();

CREATE OR REPLACE FUNCTION stale_cards(contacts uuid[]) RETURNS void LANGUAGE sql AS $$
        INSERT INTO stale_documents (workspace_id, kind, key)
            SELECT DISTINCT k.workspace_id, 'card', k.phone_digits FROM contacts k WHERE k.id = ANY(stale_cards.contacts)
            ON CONFLICT DO NOTHING
    $$;
CREATE OR REPLACE FUNCTION stale_items(conversations uuid[]) RETURNS void LANGUAGE sql AS $$
        INSERT INTO stale_documents (workspace_id, kind, key)
            SELECT c.workspace_id, 'item', c.id::text FROM conversations c WHERE c.id = ANY(stale_items.conversations)
            ON CONFLICT DO NOTHING
    $$;

-- What a row is shown in becomes stale. What is deleted along with another row finds that gone, which has seen to it itself.
CREATE OR REPLACE FUNCTION stale_by_contact() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO stale_documents (workspace_id, kind, key) VALUES (OLD.workspace_id, 'card', OLD.phone_digits)
            ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM stale_cards(ARRAY[NEW.id]);
        PERFORM stale_items(ARRAY(SELECT c.id FROM conversations c WHERE c.contact_id = NEW.id));
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION stale_by_note() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM stale_cards(ARRAY[OLD.contact_id, NEW.contact_id]);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION stale_by_conversation() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM stale_cards(ARRAY[OLD.contact_id, NEW.contact_id]);
    INSERT INTO stale_documents (workspace_id, kind, key)
        SELECT DISTINCT one.workspace, 'item', one.id::text
        FROM (VALUES (OLD.workspace_id, OLD.id), (NEW.workspace_id, NEW.id)) one (workspace, id)
        WHERE one.id IS NOT NULL ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION stale_by_message() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM stale_cards(ARRAY(
        SELECT c.contact_id FROM conversations c WHERE c.id IN (OLD.conversation_id, NEW.conversation_id)));
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION stale_by_link() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM stale_items(ARRAY[OLD.conversation_id, NEW.conversation_id]);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION stale_by_tag() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM stale_items(ARRAY(SELECT ct.conversation_id FROM conversation_tags ct WHERE ct.tag_id = NEW.id));
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION stale_by_user() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stale_documents (workspace_id, kind, key)
        SELECT DISTINCT one.workspace, 'team', one.workspace::text
        FROM (VALUES (OLD.workspace_id), (NEW.workspace_id)) one (workspace)
        WHERE one.workspace IS NOT NULL ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION stale_by_workspace() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stale_documents (workspace_id, kind, key) VALUES (NEW.id, 'team', NEW.id::text) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER stale_documents AFTER INSERT OR UPDATE OR DELETE ON contacts
    FOR EACH ROW EXECUTE FUNCTION stale_by_contact();
CREATE OR REPLACE TRIGGER stale_documents AFTER INSERT OR UPDATE OR DELETE ON notes
    FOR EACH ROW EXECUTE FUNCTION stale_by_note();
CREATE OR REPLACE TRIGGER stale_documents AFTER INSERT OR UPDATE OR DELETE ON conversations
    FOR EACH ROW EXECUTE FUNCTION stale_by_conversation();
CREATE OR REPLACE TRIGGER stale_documents AFTER INSERT OR UPDATE OR DELETE ON messages
    FOR EACH ROW EXECUTE FUNCTION stale_by_message();
CREATE OR REPLACE TRIGGER stale_documents AFTER INSERT OR UPDATE OR DELETE ON conversation_tags
    FOR EACH ROW EXECUTE FUNCTION stale_by_link();
CREATE OR REPLACE TRIGGER stale_documents AFTER UPDATE ON tags
    FOR EACH ROW EXECUTE FUNCTION stale_by_tag();
CREATE OR REPLACE TRIGGER stale_documents AFTER INSERT OR UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION stale_by_user();
CREATE OR REPLACE TRIGGER stale_documents AFTER INSERT ON workspaces
    FOR EACH ROW EXECUTE FUNCTION stale_by_workspace();

-- From here on every write sees to its documents; those of before are made some at a time, and few: who writes to one
-- of a part waits until the whole of it is made.
CREATE OR REPLACE PROCEDURE fill_documents() LANGUAGE plpgsql AS $$
DECLARE
    last uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    INSERT INTO stale_documents (workspace_id, kind, key) SELECT w.id, 'team', w.id::text FROM workspaces w
        WHERE NOT EXISTS (SELECT FROM documents d WHERE d.workspace_id = w.id AND d.kind = 'team');
    COMMIT;
    LOOP
        WITH part AS MATERIALIZED (
            SELECT k.id, k.workspace_id, k.phone_digits FROM contacts k WHERE k.id > last ORDER BY k.id LIMIT 20
        ), marked AS (
            INSERT INTO stale_documents (workspace_id, kind, key)
            SELECT p.workspace_id, 'card', p.phone_digits FROM part p WHERE NOT EXISTS (
                SELECT FROM documents d
                WHERE d.workspace_id = p.workspace_id AND d.kind = 'card' AND d.key = p.phone_digits)
        )
        SELECT id FROM part ORDER BY id DESC LIMIT 1 INTO last;
        EXIT WHEN last IS NULL;
        COMMIT;
    END LOOP;
    last := '00000000-0000-0000-0000-000000000000';
    LOOP
        WITH part AS MATERIALIZED (
            SELECT c.id, c.workspace_id FROM conversations c WHERE c.id > last ORDER BY c.id LIMIT 50
        ), marked AS (
            INSERT INTO stale_documents (workspace_id, kind, key)
            SELECT p.workspace_id, 'item', p.id::text FROM part p WHERE NOT EXISTS (
                SELECT FROM documents d
                WHERE d.workspace_id = p.workspace_id AND d.kind = 'item' AND d.key = p.id::text)
        )
        SELECT id FROM part ORDER BY id DESC LIMIT 1 INTO last;
        EXIT WHEN last IS NULL;
        COMMIT;
    END LOOP;
END $$;
CALL fill_documents();
