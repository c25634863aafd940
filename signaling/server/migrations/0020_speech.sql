-- What captions are made from: a session's language, and its group's vocabulary (one term a line, given by the
-- operator; nothing that was said ever comes here).

ALTER TABLE sessions ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
ALTER TABLE sessions ADD COLUMN translate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN vocabulary TEXT NOT NULL DEFAULT '';
