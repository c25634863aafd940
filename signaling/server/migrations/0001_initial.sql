-- Ids are lower-case hexadecimal text, times are milliseconds since 1970, flags are 0 or 1.

CREATE TABLE settings (
    name TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE groups (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    group_id TEXT NOT NULL REFERENCES groups (id),
    name TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL CHECK (ends_at > starts_at),
    capacity INTEGER NOT NULL CHECK (capacity > 0),
    waiting_room INTEGER NOT NULL,
    captions INTEGER NOT NULL,
    link_generation INTEGER NOT NULL DEFAULT 1,
    session_locked INTEGER NOT NULL DEFAULT 0,
    microphones_locked INTEGER NOT NULL DEFAULT 0,
    ended TEXT CHECK (ended IN ('time', 'facilitator', 'operator'))
) STRICT;

CREATE INDEX sessions_by_group ON sessions (group_id);
CREATE INDEX sessions_not_ended ON sessions (starts_at) WHERE ended IS NULL;

-- `position` keeps the order in which seats were first written.
CREATE TABLE seats (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    participant_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('facilitator', 'member')),
    name TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('denied', 'admitted', 'lapsed', 'blocked')),
    denials INTEGER NOT NULL,
    microphone TEXT NOT NULL CHECK (microphone IN ('free', 'muted', 'locked')),
    UNIQUE (session_id, participant_id)
) STRICT;

-- Who did what to whom, and when. No names, no content.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT,
    action TEXT NOT NULL,
    target TEXT
) STRICT;

CREATE INDEX audit_by_time ON audit (at);
