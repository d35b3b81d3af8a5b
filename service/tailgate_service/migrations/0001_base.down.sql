DROP TABLE messages, conversation_tags, tags, conversations, notes, contacts, users, workspaces;
