-- Captioners, transcripts, and groups off the record.

ALTER TABLE sessions ADD COLUMN transcript INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN off_record INTEGER NOT NULL DEFAULT 0;

-- A constraint cannot be changed in place.
CREATE TABLE seats_new (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    participant_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('facilitator', 'member', 'captioner')),
    name TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('denied', 'admitted', 'lapsed', 'blocked')),
    denials INTEGER NOT NULL,
    microphone TEXT NOT NULL CHECK (microphone IN ('free', 'muted', 'locked')),
    UNIQUE (session_id, participant_id)
) STRICT;
INSERT INTO seats_new SELECT * FROM seats;
DROP TABLE seats;
ALTER TABLE seats_new RENAME TO seats;
