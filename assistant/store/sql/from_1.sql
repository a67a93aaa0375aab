-- From format 1 to format 2 of the tables in tables.sql.
-- What is cut otherwise is not what is embedded otherwise: "2/150/model" becomes "2/150".
UPDATE articles SET recipe = substr(recipe, 1, instr(recipe, '/')
    + instr(substr(recipe, instr(recipe, '/') + 1), '/') - 1) WHERE recipe LIKE '%/%/%';
-- The model of most vectors answers; by which name it is loaded, format 1 did not keep.
INSERT OR IGNORE INTO meta SELECT 'model', json_object('fingerprint', e.model)
    FROM passages p JOIN embeddings e ON e.digest = p.digest
    GROUP BY e.model ORDER BY count(*) DESC LIMIT 1;
CREATE INDEX articles_of_origin ON articles (origin);
CREATE TABLE feeds (url TEXT PRIMARY KEY, followed INTEGER NOT NULL, state TEXT NOT NULL);
-- What near_duplicates.py keeps; the next sync compares the articles.
CREATE TABLE uncompared (article INTEGER PRIMARY KEY REFERENCES articles ON DELETE CASCADE);
CREATE TRIGGER articles_added AFTER INSERT ON articles BEGIN
    INSERT INTO uncompared VALUES (new.number);
END;
INSERT INTO uncompared SELECT number FROM articles;
CREATE TABLE buckets (
    bucket INTEGER NOT NULL, article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    PRIMARY KEY (bucket, article)) WITHOUT ROWID;
CREATE INDEX buckets_of_article ON buckets (article);
CREATE TABLE copies (
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    similarity REAL NOT NULL, PRIMARY KEY (article, other)) WITHOUT ROWID;
CREATE INDEX copies_of_other ON copies (other);
-- Other languages are analysed at the next sync; until then their words are read as English ones.
ALTER TABLE passages ADD COLUMN analysed TEXT;
CREATE INDEX passages_analysed ON passages (article) WHERE analysed IS NOT NULL;
DROP TRIGGER passages_added;
DROP TRIGGER passages_removed;
DROP TABLE lexical_terms;
DROP TABLE lexical;
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
INSERT INTO lexical (lexical) VALUES ('rebuild');
-- What a list of articles shows and orders by, beside the long texts: 12,000 are ordered in 2 ms.
CREATE INDEX articles_listed ON articles (published, title, source, language, words, id);
