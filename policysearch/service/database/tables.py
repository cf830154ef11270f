"""The tables of the service's database. What a search found is not here: it is in the search's own study and files."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

SCHEMA = 1
"""The version of the tables; a database of a later version is refused."""

METADATA = MetaData()

SCHEMA_VERSION = Table("schema_version", METADATA, Column("version", Integer, primary_key=True))

COUNTER = Table(
    "counter",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""The revision of the table of jobs. A change of a job takes the next number first, so that numbers appear in order."""

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(26), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("request", JSON, nullable=False),
    Column("changes", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("wanted", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("choice", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("workers", Integer, nullable=False),
    Column("idle_attempts", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("order", Float, nullable=False),
    Column("progress", JSON, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("jobs_by_state", "state"),
    Index("jobs_by_wanted", "wanted", "state"),
    Index("jobs_by_owner", "owner", "id"),
    Index("jobs_by_revision", "revision"),
)

HISTORY = Table(
    "history",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("job", String(26), nullable=False, index=True),
    Column("time", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
)

KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("owner", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("job", String(26), nullable=False),
    Column("time", Float, nullable=False),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("job", String(26), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("place", Text, nullable=False),
    Column("workers", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float, index=True),
    Column("end", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at_fault", Boolean, nullable=False),
    Index("attempts_by_place", "place", "started"),
)
"""Each start of a job: what its owner used, and whether the place was at fault when it failed. Rows outlive the job."""

PLACES = Table(
    "places",
    METADATA,
    Column("name", String(255), primary_key=True),
    Column("opened", Float, nullable=False),
)
"""When an operator last opened a place that had been closed."""

USERS = Table(
    "users",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created", Float, nullable=False),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("used", Float),
)
"""What lets programs in. The digest is the SHA-256 of the whole text, which is stored nowhere."""

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("token", String(32), nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False, index=True),
)
"""Browsers that have logged in with a token, by the SHA-256 of their cookie."""

DATA_SETS = Table(
    "data_sets",
    METADATA,
    Column("id", String(26), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("format", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Index("data_sets_by_digest", "owner", "digest"),
)
"""Uploads, by the SHA-256 of what came; the images are in folders of their ids."""
