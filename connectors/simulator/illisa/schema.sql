-- State tables of Illisa: one row per case, with its present state and the time since which it has it. Times are in UTC.
CREATE TABLE IF NOT EXISTS transport_demande (
    numero      INTEGER PRIMARY KEY,
    reference   TEXT NOT NULL,
    state       TEXT NOT NULL,
    changed_at  TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    beneficiaire TEXT NOT NULL,
    courriel    TEXT,
    telephone   TEXT
);
CREATE INDEX IF NOT EXISTS transport_demande_changed_at ON transport_demande (changed_at);

CREATE TABLE IF NOT EXISTS voirie_arrete (
    numero      INTEGER PRIMARY KEY,
    reference   TEXT NOT NULL,
    state       TEXT NOT NULL,
    changed_at  TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    petitionnaire TEXT NOT NULL,
    courriel    TEXT,
    telephone   TEXT
);
CREATE INDEX IF NOT EXISTS voirie_arrete_changed_at ON voirie_arrete (changed_at);

CREATE TABLE IF NOT EXISTS agriculture_subvention (
    numero      INTEGER PRIMARY KEY,
    reference   TEXT NOT NULL,
    state       INTEGER NOT NULL,
    changed_at  TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    exploitant  TEXT NOT NULL,
    courriel    TEXT,
    telephone   TEXT
);

CREATE TABLE IF NOT EXISTS notaire_echange (
    numero      INTEGER PRIMARY KEY,
    reference   TEXT NOT NULL,
    state       TEXT NOT NULL,
    changed_at  TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    etude       TEXT NOT NULL,
    courriel    TEXT,
    telephone   TEXT
);

CREATE TABLE IF NOT EXISTS territoire_contrat (
    numero      INTEGER PRIMARY KEY,
    reference   TEXT NOT NULL,
    state       TEXT NOT NULL,
    changed_at  TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    collectivite TEXT NOT NULL,
    courriel    TEXT,
    telephone   TEXT
);
CREATE INDEX IF NOT EXISTS territoire_contrat_changed_at ON territoire_contrat (changed_at);
