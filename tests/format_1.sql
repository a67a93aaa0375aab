-- The tables of store.py, format 1.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE articles (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, path TEXT UNIQUE NOT NULL,
    title TEXT NOT NULL, text TEXT NOT NULL, url TEXT, source TEXT, authors TEXT NOT NULL,
    published TEXT, language TEXT, words INTEGER NOT NULL,
    digest TEXT NOT NULL, recipe TEXT NOT NULL, stamp TEXT NOT NULL, origin TEXT NOT NULL);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    position INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    heading TEXT NOT NULL, text TEXT NOT NULL, digest BLOB NOT NULL);
CREATE INDEX passages_of_article ON passages (article);
CREATE INDEX passages_of_digest ON passages (digest);
CREATE TABLE embeddings (
    digest BLOB NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE (digest, model));
CREATE TABLE abbreviations (
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    short TEXT NOT NULL, long TEXT NOT NULL);
CREATE INDEX abbreviations_of_article ON abbreviations (article);
CREATE VIRTUAL TABLE lexical USING fts5(
    heading, text, content='passages', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE lexical_terms USING fts5vocab(lexical, row);
CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN
    INSERT INTO lexical (rowid, heading, text) VALUES (new.number, new.heading, new.text);
END;
CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN
    INSERT INTO lexical (lexical, rowid, heading, text)
    VALUES ('delete', old.number, old.heading, old.text);
END;
