-- From format 2 to format 3 of the tables in tables.sql.
-- An import asks for each article whether its text is there already.
CREATE INDEX articles_of_digest ON articles (digest);
-- Who wrote is listed without reading past the texts.
CREATE INDEX articles_of_authors ON articles (authors);
