-- +goose Up
-- One study per file.
CREATE TABLE study (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  name       TEXT NOT NULL,
  dictionary TEXT NOT NULL            -- hash
) STRICT;

CREATE TABLE run (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  as_of    TEXT NOT NULL,             -- RFC 3339
  inputs   TEXT NOT NULL,             -- JSON object, names sorted: hashes of what the run computes from
  finished INTEGER NOT NULL DEFAULT 0,
  counts   TEXT NOT NULL DEFAULT '{}' -- JSON object
) STRICT;

CREATE TABLE checkpoint (
  run   INTEGER NOT NULL REFERENCES run (id),
  shard TEXT NOT NULL,
  PRIMARY KEY (run, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE subject (
  id      INTEGER PRIMARY KEY,
  number  TEXT NOT NULL UNIQUE,
  site    TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason  TEXT NOT NULL,
  digest  TEXT NOT NULL,
  links   TEXT NOT NULL
) STRICT;

-- A form in an event.
CREATE TABLE page (
  id    INTEGER PRIMARY KEY,
  event TEXT NOT NULL,
  form  TEXT NOT NULL,
  UNIQUE (event, form)
) STRICT;

-- An item in a page.
CREATE TABLE slot (
  id   INTEGER PRIMARY KEY,
  page INTEGER NOT NULL REFERENCES page (id),
  item TEXT NOT NULL,
  UNIQUE (page, item)
) STRICT;

-- Words of the configuration: sources, paths, rules, missing reasons, states, targets. Nothing from a patient.
CREATE TABLE word (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- The repeat numbers that were given to instances of repeating forms.
CREATE TABLE instance (
  subject INTEGER NOT NULL,
  page    INTEGER NOT NULL,
  repeat  INTEGER NOT NULL,
  key     TEXT NOT NULL,              -- stable and pseudonymous
  PRIMARY KEY (subject, page, repeat)
) STRICT, WITHOUT ROWID;

-- A version of a resource from which cells of the subject were taken.
CREATE TABLE origin (
  subject   INTEGER NOT NULL,
  n         INTEGER NOT NULL,
  source    INTEGER NOT NULL,         -- word
  resource  TEXT NOT NULL,            -- keyed reference
  version   TEXT NOT NULL,
  effective TEXT NOT NULL,
  PRIMARY KEY (subject, n)
) STRICT, WITHOUT ROWID;

-- References to subject and origin are kept by the writer, which stores both in the same transaction: a declared
-- foreign key would look each of them up once more for every cell.
CREATE TABLE cell (
  subject  INTEGER NOT NULL,
  slot     INTEGER NOT NULL,
  repeat   INTEGER NOT NULL,
  value    TEXT,                      -- NULL: none
  missing  INTEGER NOT NULL,          -- word
  state    INTEGER NOT NULL,          -- word
  origin   INTEGER NOT NULL,
  path     INTEGER NOT NULL,          -- word
  rule     INTEGER NOT NULL,          -- word
  original TEXT,                      -- NULL: as value
  unit     TEXT,                      -- NULL: none
  PRIMARY KEY (subject, slot, repeat)
) STRICT, WITHOUT ROWID;

-- What a target took or refused.
CREATE TABLE delivery (
  subject INTEGER NOT NULL,
  target  INTEGER NOT NULL,           -- word
  slot    INTEGER NOT NULL,
  repeat  INTEGER NOT NULL,
  value   TEXT NOT NULL,
  state   INTEGER NOT NULL,           -- word
  run     INTEGER NOT NULL,
  PRIMARY KEY (subject, target, slot, repeat)
) STRICT, WITHOUT ROWID;

CREATE VIEW cells AS
SELECT s.number AS subject, s.site AS site, p.event AS event, p.form AS form, c.repeat AS repeat, l.item AS item,
       c.value AS value, m.text AS missing, st.text AS state, src.text AS source, o.resource AS resource, o.version AS version,
       pa.text AS path, coalesce(c.original, c.value, '') AS original_value, coalesce(c.unit, '') AS original_unit, r.text AS rule,
       o.effective AS effective
FROM cell c
JOIN subject s ON s.id = c.subject
JOIN slot l ON l.id = c.slot
JOIN page p ON p.id = l.page
JOIN word m ON m.id = c.missing
JOIN word st ON st.id = c.state
JOIN word pa ON pa.id = c.path
JOIN word r ON r.id = c.rule
JOIN origin o ON o.subject = c.subject AND o.n = c.origin
JOIN word src ON src.id = o.source;

-- +goose Down
DROP VIEW cells;
DROP TABLE delivery;
DROP TABLE cell;
DROP TABLE origin;
DROP TABLE instance;
DROP TABLE word;
DROP TABLE slot;
DROP TABLE page;
DROP TABLE subject;
DROP TABLE checkpoint;
DROP TABLE run;
DROP TABLE study;
