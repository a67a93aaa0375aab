-- The tables of the store, format 3.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE articles (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, path TEXT UNIQUE NOT NULL,
    title TEXT NOT NULL, text TEXT NOT NULL, url TEXT, source TEXT, authors TEXT NOT NULL,
    published TEXT, language TEXT, words INTEGER NOT NULL,
    digest TEXT NOT NULL, recipe TEXT NOT NULL, stamp TEXT NOT NULL, origin TEXT NOT NULL);
-- What a list of articles shows and orders by, beside the long texts: 12,000 are ordered in 2 ms.
CREATE INDEX articles_listed ON articles (published, title, source, language, words, id);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    position INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    heading TEXT NOT NULL, text TEXT NOT NULL, digest BLOB NOT NULL, analysed TEXT);
CREATE INDEX passages_of_article ON passages (article);
CREATE INDEX passages_of_digest ON passages (digest);
CREATE INDEX passages_analysed ON passages (article) WHERE analysed IS NOT NULL;
CREATE TABLE embeddings (
    digest BLOB NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE (digest, model));
CREATE TABLE abbreviations (
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    short TEXT NOT NULL, long TEXT NOT NULL);
CREATE INDEX abbreviations_of_article ON abbreviations (article);
CREATE INDEX articles_of_origin ON articles (origin);
CREATE INDEX articles_of_digest ON articles (digest);
CREATE INDEX articles_of_authors ON articles (authors);
CREATE TABLE feeds (url TEXT PRIMARY KEY, followed INTEGER NOT NULL, state TEXT NOT NULL);
CREATE TABLE uncompared (article INTEGER PRIMARY KEY REFERENCES articles ON DELETE CASCADE);
CREATE TRIGGER articles_added AFTER INSERT ON articles BEGIN
    INSERT INTO uncompared VALUES (new.number);
END;
CREATE TABLE buckets (
    bucket INTEGER NOT NULL, article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    PRIMARY KEY (bucket, article)) WITHOUT ROWID;
CREATE INDEX buckets_of_article ON buckets (article);
CREATE TABLE copies (
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    similarity REAL NOT NULL, PRIMARY KEY (article, other)) WITHOUT ROWID;
CREATE INDEX copies_of_other ON copies (other);
-- What tokens.py has analysed is read in the place of heading and text.
CREATE VIEW lexical_content AS
    SELECT number, iif(analysed IS NULL, heading, '') AS heading, ifnull(analysed, text) AS text
    FROM passages;
CREATE VIRTUAL TABLE lexical USING fts5(
    heading, text, content='lexical_content', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE lexical_terms USING fts5vocab(lexical, row);
CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN
    INSERT INTO lexical (rowid, heading, text) VALUES (
        new.number, iif(new.analysed IS NULL, new.heading, ''), ifnull(new.analysed, new.text));
END;
CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN
    INSERT INTO lexical (lexical, rowid, heading, text) VALUES ('delete',
        old.number, iif(old.analysed IS NULL, old.heading, ''), ifnull(old.analysed, old.text));
END;
