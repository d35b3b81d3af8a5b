-- The schema before tuning: the only indexes are those of keys. A foreign key that already leads a unique
-- constraint (contacts and messages by workspace, tags by workspace, conversation_tags by conversation) has none of its own.

CREATE TABLE workspaces (
    id              uuid        PRIMARY KEY DEFAULT uuidv7(),
    name            text        NOT NULL,
    api_key_sha256  bytea       NOT NULL UNIQUE CHECK (octet_length(api_key_sha256) = 32),
    phone_number_id text        NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name         text NOT NULL,
    email        text NOT NULL,
    role         text NOT NULL CHECK (role IN ('admin', 'agent'))
);
CREATE INDEX users_workspace_id_idx ON users (workspace_id);

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
    workspace_id        uuid        NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    conversation_id     uuid        NOT NULL REFERENCES conversations ON DELETE CASCADE,
    direction           text        NOT NULL CHECK (direction IN ('in', 'out')),
    body                text        NOT NULL,
    sender_id           uuid        REFERENCES users ON DELETE SET NULL,
    provider_message_id text,
    status              text        NOT NULL
                                    CHECK (status IN ('received', 'queued', 'sent', 'delivered', 'read', 'failed')),
    created_at          timestamptz NOT NULL DEFAULT now(),
    -- A delivery the provider sends again is the same message.
    UNIQUE (workspace_id, provider_message_id)
);
CREATE INDEX messages_conversation_id_idx ON messages (conversation_id);
CREATE INDEX messages_sender_id_idx ON messages (sender_id);
