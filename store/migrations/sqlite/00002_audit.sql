-- +goose Up
-- What was decided, computed, delivered, erased and looked at. The table only grows.
CREATE TABLE audit (
  number  INTEGER PRIMARY KEY,        -- from 1
  at      TEXT NOT NULL,              -- RFC 3339, UTC
  actor   TEXT NOT NULL,
  kind    TEXT NOT NULL,
  subject BLOB,                       -- keyed name; NULL: nobody in particular
  mark    BLOB,                       -- keyed digest of what stands about the subject; NULL: none
  payload BLOB NOT NULL,              -- sealed
  before  BLOB NOT NULL,              -- digest of the entry before
  digest  BLOB NOT NULL
) STRICT;

CREATE INDEX audit_mark ON audit (subject, number, mark) WHERE mark IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
  SELECT raise(ABORT, 'an entry of the audit is never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN
  SELECT raise(ABORT, 'an entry of the audit is never deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit WHEN NEW.number <= (SELECT max(number) FROM audit) BEGIN
  SELECT raise(ABORT, 'an entry of the audit comes after all others');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
