"""All tables, as of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "a1f0c3d2b4e6"
down_revision = None
branch_labels = None
depends_on = None

SEARCHED = (("person", "search_name"), ("person", "search_organisation"), ("person_email", "key"))


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("verb", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_actor_id"), "audit_entry", ["actor_id"], unique=False)

    op.create_table(
        "bounce_mailbox",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=False),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_bounce_mailbox")),
    )
    op.create_table(
        "column_mapping",
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_column_mapping")),
    )
    op.create_table(
        "design_family",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_design_family")),
        sa.UniqueConstraint("name", name=op.f("uq_design_family_name")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "done",
                "failed",
                "stopped",
                name="jobstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("public_id", name=op.f("uq_job_public_id")),
    )
    op.create_index(op.f("ix_job_asked_by"), "job", ["asked_by"], unique=False)
    op.create_index(op.f("ix_job_state"), "job", ["state"], unique=False)

    op.create_table(
        "kept_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_answer")),
        sa.UniqueConstraint("person_id", "key", name=op.f("uq_kept_answer_person_id_key")),
    )
    op.create_index("ix_kept_answer_at", "kept_answer", ["at"], unique=False)

    op.create_table(
        "mail_run",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mail_run")),
    )
    op.create_index(op.f("ix_mail_run_at"), "mail_run", ["at"], unique=False)

    op.create_table(
        "mail_taken",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_taken")),
    )
    op.create_index(op.f("ix_mail_taken_at"), "mail_taken", ["at"], unique=False)

    op.create_table(
        "opening_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("declared_participants", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("declared_participants >= 0", name=op.f("ck_opening_set_declared")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_set")),
        sa.UniqueConstraint("public_id", name=op.f("uq_opening_set_public_id")),
    )
    op.create_table(
        "outbox_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), server_default="account", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="3", nullable=False),
        sa.Column("state", sa.String(length=16), server_default="queued", nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("series_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("dedupe_key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_mail")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbox_mail_dedupe_key")),
    )
    op.create_index("ix_outbox_mail_address", "outbox_mail", ["address"], unique=False)
    op.create_index("ix_outbox_mail_created", "outbox_mail", ["created_at", "state"], unique=False)
    op.create_index(
        "ix_outbox_mail_no_such_address",
        "outbox_mail",
        ["address"],
        unique=False,
        sqlite_where=sa.text("reason = 'no_such_address'"),
        postgresql_where=sa.text("reason = 'no_such_address'"),
    )
    op.create_index(op.f("ix_outbox_mail_person_id"), "outbox_mail", ["person_id"], unique=False)
    op.create_index("ix_outbox_mail_queue", "outbox_mail", ["state", "priority", "due_at", "id"], unique=False)

    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("canonical_id", sa.Integer(), nullable=True),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column(
            "sort_name",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            server_default="",
            nullable=False,
        ),
        sa.Column("native_name", sa.String(length=200), nullable=True),
        sa.Column("search_name", sa.Text(), server_default="", nullable=False),
        sa.Column("search_organisation", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "sector",
            sa.Enum(
                "government",
                "business",
                "academia",
                "civil_society",
                "other",
                name="sector",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("organisation", sa.String(length=200), nullable=True),
        sa.Column("job_title", sa.String(length=200), nullable=True),
        sa.Column(
            "gender",
            sa.Enum("female", "male", "other", name="gender", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("name_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["canonical_id"], ["person.id"], name=op.f("fk_person_canonical_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("public_id", name=op.f("uq_person_public_id")),
    )
    op.create_index(op.f("ix_person_canonical_id"), "person", ["canonical_id"], unique=False)
    op.create_index(op.f("ix_person_full_name"), "person", ["full_name"], unique=False)
    op.create_index("ix_person_sort_name", "person", ["sort_name", "id"], unique=False)

    op.create_table(
        "public_figures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("as_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_figures")),
    )
    op.create_index(op.f("ix_public_figures_as_at"), "public_figures", ["as_at"], unique=False)

    op.create_table(
        "region",
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("parent_code", sa.String(length=3), nullable=True),
        sa.ForeignKeyConstraint(["parent_code"], ["region.code"], name=op.f("fk_region_parent_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_region")),
    )
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum("draft", "public", name="visibility", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "admission",
            sa.Enum(
                "open",
                "application",
                "nomination",
                name="admission",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reserved", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "release_rule",
            sa.Enum("rounds", "first_come", name="releaserule", native_enum=False, create_constraint=True, length=32),
            server_default="rounds",
            nullable=False,
        ),
        sa.Column("nominations_need_approval", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("capacity IS NULL OR taken + reserved <= capacity", name=op.f("ck_series_seats")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("slug", name=op.f("uq_series_slug")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    op.create_index("ix_sign_in_failure_key_hash_at", "sign_in_failure", ["key_hash", "at"], unique=False)

    op.create_table(
        "signing_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("public_jwk", sa.JSON(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("kid", name=op.f("uq_signing_key_kid")),
    )
    op.create_table(
        "speaker",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column("native_name", sa.String(length=200), nullable=True),
        sa.Column("position", sa.String(length=200), nullable=True),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column(
            "name_key",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("picture", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_speaker")),
        sa.UniqueConstraint("public_id", name=op.f("uq_speaker_public_id")),
    )
    op.create_index(op.f("ix_speaker_name_key"), "speaker", ["name_key"], unique=False)

    op.create_table(
        "stamp",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("of_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "of_id", name=op.f("pk_stamp")),
    )
    op.create_table(
        "status_list",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_status_list")),
    )
    op.create_table(
        "time_zone_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_zone_check")),
    )
    op.create_table(
        "worker_heartbeat",
        sa.Column("worker", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_worker_heartbeat")),
    )
    op.create_table(
        "account",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_account_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_account")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_api_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_token_public_id")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_token_secret_hash")),
    )
    op.create_index(op.f("ix_api_token_person_id"), "api_token", ["person_id"], unique=False)

    op.create_table(
        "audit_subject",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["audit_entry.id"], name=op.f("fk_audit_subject_entry_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("entry_id", "kind", "subject_id", name=op.f("pk_audit_subject")),
    )
    op.create_index("ix_audit_subject_kind_subject_id", "audit_subject", ["kind", "subject_id"], unique=False)

    op.create_table(
        "calendar_address",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("program", sa.String(length=32), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_calendar_address_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_calendar_address")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_calendar_address_secret_hash")),
    )
    op.create_table(
        "certificate_design",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("family_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["family_id"], ["design_family.id"], name=op.f("fk_certificate_design_family_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_design")),
        sa.UniqueConstraint("version", name=op.f("uq_certificate_design_version")),
    )
    op.create_index(op.f("ix_certificate_design_family_id"), "certificate_design", ["family_id"], unique=False)

    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("text_version", sa.String(length=32), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_consent_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_person_id"), "consent", ["person_id"], unique=False)

    op.create_table(
        "country",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("iso", sa.String(length=2), nullable=True),
        sa.Column("region_code", sa.String(length=3), nullable=True),
        sa.Column("numeric", sa.String(length=3), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("notices", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["merged_into_id"], ["country.id"], name=op.f("fk_country_merged_into_id")),
        sa.ForeignKeyConstraint(["region_code"], ["region.code"], name=op.f("fk_country_region_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_country")),
        sa.UniqueConstraint("code", name=op.f("uq_country_code")),
        sa.UniqueConstraint("iso", name=op.f("uq_country_iso")),
    )
    op.create_index(op.f("ix_country_merged_into_id"), "country", ["merged_into_id"], unique=False)

    op.create_table(
        "decision_batch",
        sa.Column(
            "decision",
            sa.Enum("approve", "reject", name="decision", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("same", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_by", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_decision_batch_confirmed_by")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_decision_batch_made_by")),
        sa.ForeignKeyConstraint(["undo_by"], ["person.id"], name=op.f("fk_decision_batch_undo_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_decision_batch_public_id")),
    )
    op.create_table(
        "duplicate_pair",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("second_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_duplicate_pair_order")),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_duplicate_pair_decided_by")),
        sa.ForeignKeyConstraint(["first_id"], ["person.id"], name=op.f("fk_duplicate_pair_first_id")),
        sa.ForeignKeyConstraint(["second_id"], ["person.id"], name=op.f("fk_duplicate_pair_second_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_pair")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_duplicate_pair_first_id_second_id")),
    )
    op.create_index("ix_duplicate_pair_decided_at_score", "duplicate_pair", ["decided_at", "score"], unique=False)
    op.create_index(op.f("ix_duplicate_pair_second_id"), "duplicate_pair", ["second_id"], unique=False)

    op.create_table(
        "enrolment_batch",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "applied",
                "waitlisted",
                "enrolled",
                "rejected",
                "withdrawn",
                name="enrolmentstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("same", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_by", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_enrolment_batch_confirmed_by")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_enrolment_batch_made_by")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_enrolment_batch_series_id")),
        sa.ForeignKeyConstraint(["undo_by"], ["person.id"], name=op.f("fk_enrolment_batch_undo_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_enrolment_batch_public_id")),
    )
    op.create_index(op.f("ix_enrolment_batch_series_id"), "enrolment_batch", ["series_id"], unique=False)

    op.create_table(
        "mail_choice",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_mail_choice_person_id")),
        sa.PrimaryKeyConstraint("person_id", "kind", "series_id", name=op.f("pk_mail_choice")),
    )
    op.create_table(
        "one_time_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("address_key", sa.String(length=320), nullable=True),
        sa.Column(
            "purpose",
            sa.Enum(
                "confirm",
                "reset",
                "sign_in",
                "change_address",
                name="linkpurpose",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_one_time_link_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_link")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_one_time_link_secret_hash")),
    )
    op.create_index(op.f("ix_one_time_link_address_key"), "one_time_link", ["address_key"], unique=False)
    op.create_index(op.f("ix_one_time_link_person_id"), "one_time_link", ["person_id"], unique=False)

    op.create_table(
        "person_email",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_email_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_email")),
        sa.UniqueConstraint("key", name=op.f("uq_person_email_key")),
    )
    op.create_index(op.f("ix_person_email_person_id"), "person_email", ["person_id"], unique=False)

    op.create_table(
        "person_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("kept_id", sa.Integer(), nullable=False),
        sa.Column("merged_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("taken", sa.JSON(), nullable=False),
        sa.Column("made_account", sa.Boolean(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["kept_id"], ["person.id"], name=op.f("fk_person_merge_kept_id")),
        sa.ForeignKeyConstraint(["merged_by"], ["person.id"], name=op.f("fk_person_merge_merged_by")),
        sa.ForeignKeyConstraint(["merged_id"], ["person.id"], name=op.f("fk_person_merge_merged_id")),
        sa.ForeignKeyConstraint(["undone_by"], ["person.id"], name=op.f("fk_person_merge_undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_merge")),
        sa.UniqueConstraint("public_id", name=op.f("uq_person_merge_public_id")),
    )
    op.create_index(op.f("ix_person_merge_kept_id"), "person_merge", ["kept_id"], unique=False)
    op.create_index(op.f("ix_person_merge_merged_id"), "person_merge", ["merged_id"], unique=False)

    op.create_table(
        "person_to_compare",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_to_compare_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_person_to_compare")),
    )
    op.create_table(
        "policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("min_percent", sa.Integer(), nullable=False),
        sa.Column("min_lectures_percent", sa.Integer(), nullable=False),
        sa.Column("replay_days", sa.Integer(), nullable=False),
        sa.Column(
            "walk_ins",
            sa.Enum("enrol", "ignore", name="walkins", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "certificate",
            sa.Enum(
                "participation",
                "completion",
                name="certificatekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("min_lectures", sa.Integer(), nullable=True),
        sa.Column("min_minutes", sa.Integer(), nullable=True),
        sa.Column("deadline", sa.Date(), nullable=True),
        sa.Column("confirmed_names", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("min_lectures > 0", name=op.f("ck_policy_min_lectures")),
        sa.CheckConstraint(
            "min_lectures_percent > 0 AND min_lectures_percent <= 100", name=op.f("ck_policy_min_lectures_percent")
        ),
        sa.CheckConstraint("min_minutes > 0", name=op.f("ck_policy_min_minutes")),
        sa.CheckConstraint("min_percent > 0 AND min_percent <= 100", name=op.f("ck_policy_min_percent")),
        sa.CheckConstraint("replay_days >= 0", name=op.f("ck_policy_replay_days")),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_policy_created_by")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_policy_series_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("series_id", "version", name=op.f("uq_policy_series_id_version")),
    )
    op.create_table(
        "public_answer",
        sa.Column("figures_id", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["figures_id"], ["public_figures.id"], name=op.f("fk_public_answer_figures_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("figures_id", "question", name=op.f("pk_public_answer")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_recovery_code_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("person_id", "code_hash", name=op.f("uq_recovery_code_person_id_code_hash")),
    )
    op.create_table(
        "saved_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=300), nullable=False),
        sa.Column("question", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_saved_report_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_report")),
        sa.UniqueConstraint("owner_id", "name_key", name=op.f("uq_saved_report_owner_id_name_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_saved_report_public_id")),
    )
    op.create_table(
        "second_factor",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(length=200), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("pending_secret", sa.String(length=200), nullable=True),
        sa.Column("pending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_second_factor_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "series_design",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("family_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["family_id"], ["design_family.id"], name=op.f("fk_series_design_family_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_design_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_series_design")),
    )
    op.create_table(
        "series_facts",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_facts_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "series_id", name=op.f("pk_series_facts")),
    )
    op.create_table(
        "series_instructor",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_series_instructor_person_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_instructor_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "person_id", name=op.f("pk_series_instructor")),
    )
    op.create_index(op.f("ix_series_instructor_person_id"), "series_instructor", ["person_id"], unique=False)

    op.create_table(
        "sign_in_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=32), nullable=False),
        sa.Column("system", sa.String(length=32), nullable=False),
        sa.Column("awaits_code", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sign_in_session_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_session")),
        sa.UniqueConstraint("public_id", name=op.f("uq_sign_in_session_public_id")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sign_in_session_secret_hash")),
    )
    op.create_index(op.f("ix_sign_in_session_expires_at"), "sign_in_session", ["expires_at"], unique=False)
    op.create_index(op.f("ix_sign_in_session_person_id"), "sign_in_session", ["person_id"], unique=False)

    op.create_table(
        "unmatched_attendee",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=700), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("within_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column(
            "how",
            sa.Enum(
                "address",
                "name",
                "hand",
                "together",
                "nobody",
                "undone",
                name="matchmethod",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("person_id IS NULL OR how <> 'nobody'", name=op.f("ck_unmatched_attendee_nobody")),
        sa.CheckConstraint("how IS NOT NULL OR person_id IS NULL", name=op.f("ck_unmatched_attendee_decided")),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_unmatched_attendee_decided_by")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_unmatched_attendee_person_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_unmatched_attendee_series_id")),
        sa.ForeignKeyConstraint(["within_id"], ["unmatched_attendee.id"], name=op.f("fk_unmatched_attendee_within_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unmatched_attendee")),
        sa.UniqueConstraint("series_id", "key", name=op.f("uq_unmatched_attendee_series_id_key")),
    )
    op.create_index(op.f("ix_unmatched_attendee_key"), "unmatched_attendee", ["key"], unique=False)
    op.create_index(op.f("ix_unmatched_attendee_person_id"), "unmatched_attendee", ["person_id"], unique=False)

    op.create_table(
        "attendee_resolution",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attendee_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column(
            "how",
            sa.Enum(
                "address",
                "name",
                "hand",
                "together",
                "nobody",
                "undone",
                name="matchmethod",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("by_person_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attendee_id"], ["unmatched_attendee.id"], name=op.f("fk_attendee_resolution_attendee_id")
        ),
        sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_attendee_resolution_by_person_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_attendee_resolution_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendee_resolution")),
        sa.UniqueConstraint("attendee_id", "version", name=op.f("uq_attendee_resolution_attendee_id_version")),
    )
    op.create_index(op.f("ix_attendee_resolution_person_id"), "attendee_resolution", ["person_id"], unique=False)

    op.create_table(
        "award",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "participation",
                "completion",
                name="certificatekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("awarded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("awarded_country_id", sa.Integer(), nullable=True),
        sa.Column("needed", sa.Integer(), nullable=True),
        sa.Column("needed_minutes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["awarded_country_id"], ["country.id"], name=op.f("fk_award_awarded_country_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_award_person_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_award_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_award")),
        sa.UniqueConstraint("series_id", "person_id", "kind", name=op.f("uq_award_series_id_person_id_kind")),
    )
    op.create_index(op.f("ix_award_person_id"), "award", ["person_id"], unique=False)

    op.create_table(
        "country_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kept_id", sa.Integer(), nullable=False),
        sa.Column("merged_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["kept_id"], ["country.id"], name=op.f("fk_country_merge_kept_id")),
        sa.ForeignKeyConstraint(["merged_by"], ["person.id"], name=op.f("fk_country_merge_merged_by")),
        sa.ForeignKeyConstraint(["merged_id"], ["country.id"], name=op.f("fk_country_merge_merged_id")),
        sa.ForeignKeyConstraint(["undone_by"], ["person.id"], name=op.f("fk_country_merge_undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_country_merge")),
    )
    op.create_index(op.f("ix_country_merge_kept_id"), "country_merge", ["kept_id"], unique=False)
    op.create_index(
        "uq_country_merge_active",
        "country_merge",
        ["merged_id"],
        unique=True,
        sqlite_where=sa.text("undone_at IS NULL"),
        postgresql_where=sa.text("undone_at IS NULL"),
    )

    op.create_table(
        "country_quota",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("seats >= 0 AND used >= 0 AND used <= seats", name=op.f("ck_country_quota_used")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_country_quota_country_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_country_quota_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_country_quota")),
        sa.UniqueConstraint("series_id", "country_id", name=op.f("uq_country_quota_series_id_country_id")),
    )
    op.create_index(op.f("ix_country_quota_country_id"), "country_quota", ["country_id"], unique=False)
    op.create_index(
        "ix_country_quota_released_at_kept_until", "country_quota", ["released_at", "kept_until"], unique=False
    )

    op.create_table(
        "enrolment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "applied",
                "waitlisted",
                "enrolled",
                "rejected",
                "withdrawn",
                name="enrolmentstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "source",
            sa.Enum(
                "self",
                "staff",
                "file",
                "nomination",
                "walk_in",
                name="enrolmentsource",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_country_id", sa.Integer(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("profile_shared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "seat_kind",
            sa.Enum(
                "quota",
                "open",
                "released",
                "by_hand",
                name="seatkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("seat_country_id", sa.Integer(), nullable=True),
        sa.Column("calendar_changes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("required_lectures", sa.Integer(), nullable=True),
        sa.Column("required_minutes", sa.Integer(), nullable=True),
        sa.Column("required_percent", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_enrolment_person_id")),
        sa.ForeignKeyConstraint(
            ["registered_country_id"], ["country.id"], name=op.f("fk_enrolment_registered_country_id")
        ),
        sa.ForeignKeyConstraint(["seat_country_id"], ["country.id"], name=op.f("fk_enrolment_seat_country_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_enrolment_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint("public_id", name=op.f("uq_enrolment_public_id")),
        sa.UniqueConstraint("series_id", "person_id", name=op.f("uq_enrolment_series_id_person_id")),
    )
    op.create_index(op.f("ix_enrolment_person_id"), "enrolment", ["person_id"], unique=False)
    op.create_index(op.f("ix_enrolment_registered_at"), "enrolment", ["registered_at"], unique=False)
    op.create_index(op.f("ix_enrolment_registered_country_id"), "enrolment", ["registered_country_id"], unique=False)
    op.create_index(op.f("ix_enrolment_seat_country_id"), "enrolment", ["seat_country_id"], unique=False)
    op.create_index("ix_enrolment_series_id_id", "enrolment", ["series_id", "id"], unique=False)
    op.create_index(
        "ix_enrolment_series_id_status_queued_at", "enrolment", ["series_id", "status", "queued_at"], unique=False
    )

    op.create_table(
        "lecture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "scheduled",
                "live",
                "held",
                "cancelled",
                "postponed",
                name="lecturestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("local_start", sa.DateTime(), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("interpretation", sa.JSON(), nullable=False),
        sa.Column(
            "delivery",
            sa.Enum(
                "room",
                "link",
                "bigbluebutton",
                "jitsi",
                name="delivery",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("join_url", sa.String(length=2000), nullable=True),
        sa.Column("recording_url", sa.String(length=2000), nullable=True),
        sa.Column("materials", sa.JSON(), nullable=False),
        sa.Column("actual_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actual_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("policy_id", sa.Integer(), nullable=True),
        sa.Column("held_unknown", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("actual_end IS NULL OR actual_end > actual_start", name=op.f("ck_lecture_actual")),
        sa.CheckConstraint("duration_minutes BETWEEN 1 AND 1440", name=op.f("ck_lecture_duration")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_lecture_policy_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_lecture_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture")),
    )
    op.create_index(op.f("ix_lecture_actual_start"), "lecture", ["actual_start"], unique=False)
    op.create_index(op.f("ix_lecture_series_id"), "lecture", ["series_id"], unique=False)
    op.create_index("ix_lecture_state_starts_at", "lecture", ["state", "starts_at"], unique=False)

    op.create_table(
        "nomination",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("nominated_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column("native_name", sa.String(length=200), nullable=True),
        sa.Column(
            "sector",
            sa.Enum(
                "government",
                "business",
                "academia",
                "civil_society",
                "other",
                name="sector",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("organisation", sa.String(length=200), nullable=True),
        sa.Column("job_title", sa.String(length=200), nullable=True),
        sa.Column(
            "gender",
            sa.Enum("female", "male", "other", name="gender", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "drafted",
                "submitted",
                "invited",
                "accepted",
                "declined",
                "rejected",
                "expired",
                "withdrawn",
                name="nominationstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "seat_kind",
            sa.Enum(
                "quota",
                "open",
                "released",
                "by_hand",
                name="seatkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("letter_name", sa.String(length=200), nullable=True),
        sa.Column("letter_type", sa.String(length=100), nullable=True),
        sa.Column("letter_digest", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_nomination_country_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_nomination_decided_by_id")),
        sa.ForeignKeyConstraint(["nominated_by_id"], ["person.id"], name=op.f("fk_nomination_nominated_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_nomination_person_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_nomination_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nomination")),
        sa.UniqueConstraint("public_id", name=op.f("uq_nomination_public_id")),
    )
    op.create_index("ix_nomination_country_id_id", "nomination", ["country_id", "id"], unique=False)
    op.create_index(op.f("ix_nomination_decided_by_id"), "nomination", ["decided_by_id"], unique=False)
    op.create_index(op.f("ix_nomination_email_key"), "nomination", ["email_key"], unique=False)
    op.create_index(op.f("ix_nomination_nominated_by_id"), "nomination", ["nominated_by_id"], unique=False)
    op.create_index(op.f("ix_nomination_person_id"), "nomination", ["person_id"], unique=False)
    op.create_index(
        "ix_nomination_series_id_country_id_state", "nomination", ["series_id", "country_id", "state"], unique=False
    )
    op.create_index("ix_nomination_state_expires_at", "nomination", ["state", "expires_at"], unique=False)
    op.create_index(
        "uq_nomination_open",
        "nomination",
        ["series_id", "country_id", "email_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('drafted', 'submitted', 'invited')"),
        postgresql_where=sa.text("state IN ('drafted', 'submitted', 'invited')"),
    )

    op.create_table(
        "opening_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("title_key", sa.String(length=600), nullable=False),
        sa.Column("series_name", sa.String(length=300), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("country_code", sa.String(length=8), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("attendances", sa.Integer(), nullable=False),
        sa.CheckConstraint("attendances >= 0", name=op.f("ck_opening_row_attendances")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_opening_row_country_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_opening_row_series_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["set_id"], ["opening_set.id"], name=op.f("fk_opening_row_set_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_row")),
        sa.UniqueConstraint("day", "title_key", "country_code", name=op.f("uq_opening_row_day_title_key_country_code")),
    )
    op.create_index(op.f("ix_opening_row_set_id"), "opening_row", ["set_id"], unique=False)

    op.create_table(
        "partnership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.CheckConstraint("until IS NULL OR until >= since", name=op.f("ck_partnership_span")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_partnership_country_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partnership")),
    )
    op.create_index(op.f("ix_partnership_country_id"), "partnership", ["country_id"], unique=False)

    op.create_table(
        "person_country",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_person_country_country_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_country_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_country")),
        sa.UniqueConstraint("person_id", "since", name=op.f("uq_person_country_person_id_since")),
    )
    op.create_index(op.f("ix_person_country_country_id"), "person_country", ["country_id"], unique=False)

    op.create_table(
        "profile_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=True),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_profile_request_asked_by_id")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_profile_request_country_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_profile_request_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_request")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_profile_request_secret_hash")),
    )
    op.create_index(op.f("ix_profile_request_asked_at"), "profile_request", ["asked_at"], unique=False)
    op.create_index(op.f("ix_profile_request_asked_by_id"), "profile_request", ["asked_by_id"], unique=False)
    op.create_index(
        "ix_profile_request_country_id_asked_at", "profile_request", ["country_id", "asked_at"], unique=False
    )
    op.create_index(op.f("ix_profile_request_person_id"), "profile_request", ["person_id"], unique=False)

    op.create_table(
        "report_recipient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("unsubscribed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_report_recipient_person_id")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["saved_report.id"], name=op.f("fk_report_recipient_report_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_recipient")),
        sa.UniqueConstraint("report_id", "person_id", name=op.f("uq_report_recipient_report_id_person_id")),
    )
    op.create_index(op.f("ix_report_recipient_person_id"), "report_recipient", ["person_id"], unique=False)

    op.create_table(
        "report_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mails", sa.JSON(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["saved_report.id"], name=op.f("fk_report_run_report_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_run")),
        sa.UniqueConstraint("report_id", "day", name=op.f("uq_report_run_report_id_day")),
    )
    op.create_table(
        "report_schedule",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column(
            "rhythm",
            sa.Enum(
                "daily",
                "weekly",
                "monthly",
                "quarterly",
                name="rhythm",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_report_schedule_hour")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["saved_report.id"], name=op.f("fk_report_schedule_report_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_report_schedule")),
    )
    op.create_table(
        "role_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "administrator",
                "instructor",
                "focal_point",
                "reporter",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(role = 'focal_point') = (country_id IS NOT NULL)", name=op.f("ck_role_grant_country")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_role_grant_country_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_role_grant_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.create_index("ix_role_grant_person_id_revoked_at", "role_grant", ["person_id", "revoked_at"], unique=False)

    op.create_table(
        "seat_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "quota",
                "open",
                "released",
                "by_hand",
                name="seatkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "why",
            sa.Enum(
                "enrolled",
                "nominated",
                "accepted",
                "promoted",
                "released",
                "restored",
                "withdrawn",
                "declined",
                "refused",
                "expired",
                "superseded",
                "erased",
                "quota_set",
                "quota_released",
                "country_merged",
                name="seatreason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("by_person_id", sa.Integer(), nullable=True),
        sa.Column("waited_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("nominee", sa.String(length=32), nullable=True),
        sa.CheckConstraint("change BETWEEN -1 AND 1", name=op.f("ck_seat_entry_change")),
        sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_seat_entry_by_person_id")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_seat_entry_country_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_seat_entry_person_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_seat_entry_series_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_entry")),
    )
    op.create_index(op.f("ix_seat_entry_person_id"), "seat_entry", ["person_id"], unique=False)
    op.create_index("ix_seat_entry_series_id_id", "seat_entry", ["series_id", "id"], unique=False)

    op.create_table(
        "series_country",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_series_country_country_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_country_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "country_id", name=op.f("pk_series_country")),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum("public", "staff", name="snapshotvisibility", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("as_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_snapshot_country_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("key", name=op.f("uq_snapshot_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_snapshot_public_id")),
    )
    op.create_table(
        "attendance_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("file_key", sa.String(length=200), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=True),
        sa.Column("by_person_id", sa.Integer(), nullable=True),
        sa.Column("staged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_attendance_import_by_person_id")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_attendance_import_lecture_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendance_import")),
        sa.UniqueConstraint("public_id", name=op.f("uq_attendance_import_public_id")),
    )
    op.create_index(op.f("ix_attendance_import_lecture_id"), "attendance_import", ["lecture_id"], unique=False)

    op.create_table(
        "certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("award_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "valid",
                "superseded",
                "revoked",
                "withdrawn",
                name="certificatestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("native_name", sa.String(length=200), nullable=True),
        sa.Column("series_title", sa.String(length=200), nullable=False),
        sa.Column("lectures", sa.JSON(), nullable=False),
        sa.Column("hours_ms", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("design", sa.Integer(), nullable=False),
        sa.Column("organiser", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("country", sa.String(length=8), nullable=True),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("signatory", sa.String(length=80), nullable=True),
        sa.Column("signatory_office", sa.String(length=80), nullable=True),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("credential", sa.Text(), nullable=True),
        sa.Column("status_list", sa.Integer(), nullable=True),
        sa.Column("status_index", sa.Integer(), nullable=True),
        sa.Column("signing_kid", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["award_id"], ["award.id"], name=op.f("fk_certificate_award_id")),
        sa.ForeignKeyConstraint(["replaces_id"], ["certificate.id"], name=op.f("fk_certificate_replaces_id")),
        sa.ForeignKeyConstraint(["signing_kid"], ["signing_key.kid"], name=op.f("fk_certificate_signing_kid")),
        sa.ForeignKeyConstraint(["status_list"], ["status_list.number"], name=op.f("fk_certificate_status_list")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint("number", name=op.f("uq_certificate_number")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_certificate_replaces_id")),
        sa.UniqueConstraint("status_list", "status_index", name=op.f("uq_certificate_status_list_status_index")),
    )
    op.create_index(op.f("ix_certificate_award_id"), "certificate", ["award_id"], unique=False)
    op.create_index(op.f("ix_certificate_issued_at"), "certificate", ["issued_at"], unique=False)

    op.create_table(
        "closing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.Integer(), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_by", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("reopened_at IS NULL OR reason IS NOT NULL", name=op.f("ck_closing_reopened_with_reason")),
        sa.ForeignKeyConstraint(["closed_by"], ["person.id"], name=op.f("fk_closing_closed_by")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_closing_lecture_id")),
        sa.ForeignKeyConstraint(["reopened_by"], ["person.id"], name=op.f("fk_closing_reopened_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closing")),
    )
    op.create_index(op.f("ix_closing_lecture_id"), "closing", ["lecture_id"], unique=False)
    op.create_index(
        "uq_closing_open",
        "closing",
        ["lecture_id"],
        unique=True,
        sqlite_where=sa.text("reopened_at IS NULL"),
        postgresql_where=sa.text("reopened_at IS NULL"),
    )

    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "attended",
                "partial",
                "absent",
                "excused",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_person_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
        sa.Column("restores_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_correction_by_person_id")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_correction_lecture_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_correction_person_id")),
        sa.ForeignKeyConstraint(["restores_id"], ["correction.id"], name=op.f("fk_correction_restores_id")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["person.id"], name=op.f("fk_correction_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index(op.f("ix_correction_person_id"), "correction", ["person_id"], unique=False)
    op.create_index(
        "uq_correction_active",
        "correction",
        ["lecture_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )

    op.create_table(
        "correction_batch",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "attended",
                "partial",
                "absent",
                "excused",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("same", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_by", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_correction_batch_confirmed_by")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_correction_batch_lecture_id")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_correction_batch_made_by")),
        sa.ForeignKeyConstraint(["undo_by"], ["person.id"], name=op.f("fk_correction_batch_undo_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_correction_batch_public_id")),
    )
    op.create_index(op.f("ix_correction_batch_lecture_id"), "correction_batch", ["lecture_id"], unique=False)

    op.create_table(
        "country_move",
        sa.Column("merge_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["merge_id"], ["country_merge.id"], name=op.f("fk_country_move_merge_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merge_id", "what", "row_id", name=op.f("pk_country_move")),
    )
    op.create_table(
        "credit",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("present_ms", sa.BigInteger(), nullable=False),
        sa.Column("percent_tenths", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "attended",
                "partial",
                "absent",
                "excused",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "source",
            sa.Enum(
                "live",
                "import",
                "group",
                "replay",
                "manual",
                name="source",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "sector",
            sa.Enum(
                "government",
                "business",
                "academia",
                "civil_society",
                "other",
                name="sector",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column(
            "gender",
            sa.Enum("female", "male", "other", name="gender", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("policy_id", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_credit_lecture_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_credit_person_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_credit_policy_id")),
        sa.PrimaryKeyConstraint("lecture_id", "person_id", name=op.f("pk_credit")),
    )
    op.create_index(
        "ix_credit_lecture_id_outcome_computed_at", "credit", ["lecture_id", "outcome", "computed_at"], unique=False
    )
    op.create_index("ix_credit_person_id_outcome", "credit", ["person_id", "outcome"], unique=False)

    op.create_table(
        "decision_batch_entry",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("nomination_id", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "changed",
                "taken_back",
                "withdrawn",
                "enrolled",
                "decided",
                "over",
                "answered",
                "no_seat",
                "again",
                "erased",
                "ended",
                name="decidedstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["decision_batch.id"], name=op.f("fk_decision_batch_entry_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["nomination_id"], ["nomination.id"], name=op.f("fk_decision_batch_entry_nomination_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "nomination_id", name=op.f("pk_decision_batch_entry")),
    )
    op.create_index(
        "ix_decision_batch_entry_batch_id_state", "decision_batch_entry", ["batch_id", "state"], unique=False
    )

    op.create_table(
        "enrolment_batch_entry",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column(
            "before",
            sa.Enum(
                "applied",
                "waitlisted",
                "enrolled",
                "rejected",
                "withdrawn",
                name="enrolmentstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("has_place", sa.Boolean(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "changed",
                "gone",
                "stale",
                "taken_back",
                "kept",
                name="entrystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["enrolment_batch.id"], name=op.f("fk_enrolment_batch_entry_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_enrolment_batch_entry_enrolment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "enrolment_id", name=op.f("pk_enrolment_batch_entry")),
    )
    op.create_index(
        "ix_enrolment_batch_entry_batch_id_state", "enrolment_batch_entry", ["batch_id", "state"], unique=False
    )

    op.create_table(
        "enrolment_span",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_enrolment_span_enrolment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_span")),
    )
    op.create_index(op.f("ix_enrolment_span_enrolment_id"), "enrolment_span", ["enrolment_id"], unique=False)

    op.create_table(
        "invitation_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("nomination_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["nomination_id"], ["nomination.id"], name=op.f("fk_invitation_link_nomination_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation_link")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_invitation_link_secret_hash")),
    )
    op.create_index(op.f("ix_invitation_link_nomination_id"), "invitation_link", ["nomination_id"], unique=False)

    op.create_table(
        "join",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("joined_ms", sa.BigInteger(), nullable=False),
        sa.Column("beat_seconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_join_lecture_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_join_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_join")),
    )
    op.create_index(op.f("ix_join_lecture_id"), "join", ["lecture_id"], unique=False)
    op.create_index(op.f("ix_join_person_id"), "join", ["person_id"], unique=False)

    op.create_table(
        "lecture_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_person_id", sa.Integer(), nullable=True),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_lecture_change_by_person_id")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_change_lecture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_change")),
    )
    op.create_index(op.f("ix_lecture_change_lecture_id"), "lecture_change", ["lecture_id"], unique=False)

    op.create_table(
        "lecture_facts",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("attendances", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_facts_lecture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lecture_id", name=op.f("pk_lecture_facts")),
    )
    op.create_index("ix_lecture_facts_version", "lecture_facts", ["lecture_id", "version", "day"], unique=False)

    op.create_table(
        "lecture_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "enrolled",
                "everyone",
                "afterwards",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting", "ready", "refused", name="filestate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("finding", sa.String(length=200), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_of", sa.String(length=32), nullable=True),
        sa.CheckConstraint("size > 0", name=op.f("ck_lecture_file_size")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_file_lecture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_file")),
        sa.UniqueConstraint("lecture_id", "digest", name=op.f("uq_lecture_file_lecture_id_digest")),
        sa.UniqueConstraint("public_id", name=op.f("uq_lecture_file_public_id")),
    )
    op.create_index(op.f("ix_lecture_file_content_of"), "lecture_file", ["content_of"], unique=False)
    op.create_index("ix_lecture_file_lecture_id_position", "lecture_file", ["lecture_id", "position"], unique=False)
    op.create_index("ix_lecture_file_state", "lecture_file", ["state"], unique=False)

    op.create_table(
        "lecture_instructor",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_instructor_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_lecture_instructor_person_id")),
        sa.PrimaryKeyConstraint("lecture_id", "person_id", name=op.f("pk_lecture_instructor")),
    )
    op.create_index(op.f("ix_lecture_instructor_person_id"), "lecture_instructor", ["person_id"], unique=False)

    op.create_table(
        "lecture_speaker",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("speaker_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_speaker_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["speaker_id"], ["speaker.id"], name=op.f("fk_lecture_speaker_speaker_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lecture_id", "speaker_id", name=op.f("pk_lecture_speaker")),
    )
    op.create_index("ix_lecture_speaker_speaker_id", "lecture_speaker", ["speaker_id"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "everyone",
                "attended",
                "partial",
                "absent",
                "short",
                "behind",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("lecture_id", sa.Integer(), nullable=True),
        sa.Column("country", sa.String(length=16), nullable=False),
        sa.Column("search", sa.String(length=100), server_default="", nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "waiting",
                "sending",
                "sent",
                "stopped",
                name="messagestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("sender_id", sa.Integer(), nullable=True),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("posted_to", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_message_lecture_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_message_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("public_id", name=op.f("uq_message_public_id")),
    )
    op.create_index(op.f("ix_message_series_id"), "message", ["series_id"], unique=False)
    op.create_index("ix_message_state", "message", ["state", "starts_at"], unique=False)

    op.create_table(
        "requested_change",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column(
            "field",
            sa.Enum(
                "full_name",
                "native_name",
                "organisation",
                "job_title",
                "sector",
                "gender",
                name="profilefield",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["profile_request.id"], name=op.f("fk_requested_change_request_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "field", name=op.f("pk_requested_change")),
    )
    op.create_table(
        "snapshot_dossier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_snapshot_dossier_country_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_snapshot_dossier_snapshot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot_dossier")),
        sa.UniqueConstraint("snapshot_id", "country_id", name=op.f("uq_snapshot_dossier_snapshot_id_country_id")),
    )
    op.create_table(
        "superseded_enrolment",
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "applied",
                "waitlisted",
                "enrolled",
                "rejected",
                "withdrawn",
                name="enrolmentstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_superseded_enrolment_enrolment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("enrolment_id", name=op.f("pk_superseded_enrolment")),
    )
    op.create_table(
        "unsubscribe_link",
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["report_recipient.id"], name=op.f("fk_unsubscribe_link_recipient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_unsubscribe_link")),
    )
    op.create_index(op.f("ix_unsubscribe_link_recipient_id"), "unsubscribe_link", ["recipient_id"], unique=False)

    op.create_table(
        "viewing_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("room", sa.String(length=200), nullable=False),
        sa.Column("organiser", sa.String(length=200), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("opened_by", sa.Integer(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_off_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expected > 0", name=op.f("ck_viewing_group_expected")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_viewing_group_country_id")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_viewing_group_lecture_id")),
        sa.ForeignKeyConstraint(["opened_by"], ["person.id"], name=op.f("fk_viewing_group_opened_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viewing_group")),
        sa.UniqueConstraint("code", name=op.f("uq_viewing_group_code")),
        sa.UniqueConstraint("public_id", name=op.f("uq_viewing_group_public_id")),
    )
    op.create_index(op.f("ix_viewing_group_country_id"), "viewing_group", ["country_id"], unique=False)
    op.create_index(op.f("ix_viewing_group_lecture_id"), "viewing_group", ["lecture_id"], unique=False)
    op.create_index(op.f("ix_viewing_group_opened_by"), "viewing_group", ["opened_by"], unique=False)

    op.create_table(
        "appeal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("said_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("joined_as", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "accepted",
                "declined",
                "withdrawn",
                name="appealstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name=op.f("ck_appeal_ended")),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"], name=op.f("fk_appeal_answered_by")),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name=op.f("fk_appeal_correction_id")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_appeal_lecture_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_appeal_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal")),
        sa.UniqueConstraint("public_id", name=op.f("uq_appeal_public_id")),
    )
    op.create_index("ix_appeal_lecture_id_state", "appeal", ["lecture_id", "state"], unique=False)
    op.create_index(op.f("ix_appeal_person_id"), "appeal", ["person_id"], unique=False)
    op.create_index(
        "uq_appeal_open",
        "appeal",
        ["lecture_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )

    op.create_table(
        "beat",
        sa.Column("join_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("offline", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["join_id"], ["join.id"], name=op.f("fk_beat_join_id")),
        sa.PrimaryKeyConstraint("join_id", "seq", name=op.f("pk_beat")),
    )
    op.create_index(op.f("ix_beat_received_ms"), "beat", ["received_ms"], unique=False)

    op.create_table(
        "correction_batch_entry",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "before_outcome",
            sa.Enum(
                "attended",
                "partial",
                "absent",
                "excused",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("before_id", sa.Integer(), nullable=True),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "changed",
                "gone",
                "stale",
                "taken_back",
                "kept",
                name="entrystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["correction_batch.id"], name=op.f("fk_correction_batch_entry_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["before_id"], ["correction.id"], name=op.f("fk_correction_batch_entry_before_id")),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["correction.id"], name=op.f("fk_correction_batch_entry_correction_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_correction_batch_entry_person_id")),
        sa.PrimaryKeyConstraint("batch_id", "person_id", name=op.f("pk_correction_batch_entry")),
    )
    op.create_index(
        "ix_correction_batch_entry_batch_id_state", "correction_batch_entry", ["batch_id", "state"], unique=False
    )

    op.create_table(
        "file_downloads",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["lecture_file.id"], name=op.f("fk_file_downloads_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_file_downloads")),
    )
    op.create_table(
        "group_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column("key", sa.String(length=320), nullable=True),
        sa.Column(
            "entered",
            sa.Enum(
                "code",
                "address",
                "ticked",
                "list",
                name="entered",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("entered_by", sa.Integer(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("person_id IS NOT NULL OR key IS NOT NULL", name=op.f("ck_group_entry_somebody")),
        sa.ForeignKeyConstraint(["entered_by"], ["person.id"], name=op.f("fk_group_entry_entered_by")),
        sa.ForeignKeyConstraint(["group_id"], ["viewing_group.id"], name=op.f("fk_group_entry_group_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_group_entry_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_entry")),
        sa.UniqueConstraint("group_id", "key", name=op.f("uq_group_entry_group_id_key")),
        sa.UniqueConstraint("group_id", "person_id", name=op.f("uq_group_entry_group_id_person_id")),
    )
    op.create_index(op.f("ix_group_entry_key"), "group_entry", ["key"], unique=False)
    op.create_index(op.f("ix_group_entry_person_id"), "group_entry", ["person_id"], unique=False)

    op.create_table(
        "group_signature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("from_ms", sa.BigInteger(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("signed_by", sa.Integer(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_back_by", sa.Integer(), nullable=True),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("connection_id IS NOT NULL OR until_ms > from_ms", name=op.f("ck_group_signature_span")),
        sa.ForeignKeyConstraint(["connection_id"], ["person.id"], name=op.f("fk_group_signature_connection_id")),
        sa.ForeignKeyConstraint(["group_id"], ["viewing_group.id"], name=op.f("fk_group_signature_group_id")),
        sa.ForeignKeyConstraint(["signed_by"], ["person.id"], name=op.f("fk_group_signature_signed_by")),
        sa.ForeignKeyConstraint(["taken_back_by"], ["person.id"], name=op.f("fk_group_signature_taken_back_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_signature")),
    )
    op.create_index(op.f("ix_group_signature_group_id"), "group_signature", ["group_id"], unique=False)
    op.create_index(op.f("ix_group_signature_signed_by"), "group_signature", ["signed_by"], unique=False)
    op.create_index(
        "uq_group_signature_standing",
        "group_signature",
        ["group_id"],
        unique=True,
        sqlite_where=sa.text("taken_back_at IS NULL"),
        postgresql_where=sa.text("taken_back_at IS NULL"),
    )

    op.create_table(
        "presence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column(
            "source",
            sa.Enum(
                "live",
                "import",
                "group",
                "replay",
                "manual",
                name="source",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("joined_ms", sa.BigInteger(), nullable=False),
        sa.Column("left_ms", sa.BigInteger(), nullable=False),
        sa.Column("stated_ms", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.String(length=32), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=True),
        sa.Column("attendee_id", sa.Integer(), nullable=True),
        sa.Column("signature_id", sa.Integer(), nullable=True),
        sa.Column("offline", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("left_ms >= joined_ms", name=op.f("ck_presence_span")),
        sa.CheckConstraint("person_id IS NULL OR attendee_id IS NULL", name=op.f("ck_presence_who")),
        sa.ForeignKeyConstraint(["attendee_id"], ["unmatched_attendee.id"], name=op.f("fk_presence_attendee_id")),
        sa.ForeignKeyConstraint(["import_id"], ["attendance_import.id"], name=op.f("fk_presence_import_id")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_presence_lecture_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_presence_person_id")),
        sa.ForeignKeyConstraint(["signature_id"], ["group_signature.id"], name=op.f("fk_presence_signature_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence")),
        sa.UniqueConstraint("lecture_id", "evidence", name=op.f("uq_presence_lecture_id_evidence")),
    )
    op.create_index(op.f("ix_presence_attendee_id"), "presence", ["attendee_id"], unique=False)
    op.create_index("ix_presence_lecture_id_person_id", "presence", ["lecture_id", "person_id"], unique=False)
    op.create_index(op.f("ix_presence_person_id"), "presence", ["person_id"], unique=False)
    op.create_index(op.f("ix_presence_signature_id"), "presence", ["signature_id"], unique=False)
    _index_searched()


def _index_searched() -> None:
    if op.get_context().dialect.name != "sqlite":
        op.execute(
            "CREATE OR REPLACE FUNCTION search_grams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT "
            "PARALLEL SAFE RETURN ARRAY(SELECT DISTINCT substr(value, place, 3) "
            "FROM generate_series(1, length(value) - 2) AS place)"
        )
        for source, name in SEARCHED:
            op.execute(f"CREATE INDEX search_{source}_{name} ON {source} USING gin (search_grams({name}))")
        return
    op.execute(
        "CREATE TABLE search_pending "
        "(source TEXT NOT NULL, id INTEGER NOT NULL, old TEXT, PRIMARY KEY (source, id)) WITHOUT ROWID"
    )
    for source, name in SEARCHED:
        key = f"search_{source}_{name}"
        insert = "INSERT OR IGNORE INTO search_pending"
        op.execute(
            f"CREATE VIRTUAL TABLE {key} USING fts5({name}, content='{source}', content_rowid='id', "
            "tokenize='trigram case_sensitive 1')"
        )
        op.execute(
            f"CREATE TRIGGER {key}_insert AFTER INSERT ON {source} "  # noqa: S608 - names of our own
            f"BEGIN {insert} (source, id) VALUES ('{key}', new.id); END"
        )
        op.execute(
            f"CREATE TRIGGER {key}_update AFTER UPDATE OF {name} ON {source} WHEN old.{name} <> new.{name} "
            f"BEGIN {insert} VALUES ('{key}', new.id, old.{name}); END"
        )
        op.execute(
            f"CREATE TRIGGER {key}_delete AFTER DELETE ON {source} "
            f"BEGIN {insert} VALUES ('{key}', old.id, old.{name}); END"
        )


def downgrade() -> None:
    _drop_index()

    op.drop_table("presence")

    op.drop_table("group_signature")

    op.drop_table("group_entry")
    op.drop_table("file_downloads")

    op.drop_table("correction_batch_entry")

    op.drop_table("beat")

    op.drop_table("appeal")

    op.drop_table("viewing_group")

    op.drop_table("unsubscribe_link")
    op.drop_table("superseded_enrolment")
    op.drop_table("snapshot_dossier")
    op.drop_table("requested_change")

    op.drop_table("message")

    op.drop_table("lecture_speaker")

    op.drop_table("lecture_instructor")

    op.drop_table("lecture_file")

    op.drop_table("lecture_facts")

    op.drop_table("lecture_change")

    op.drop_table("join")

    op.drop_table("invitation_link")

    op.drop_table("enrolment_span")

    op.drop_table("enrolment_batch_entry")

    op.drop_table("decision_batch_entry")

    op.drop_table("credit")
    op.drop_table("country_move")

    op.drop_table("correction_batch")

    op.drop_table("correction")

    op.drop_table("closing")

    op.drop_table("certificate")

    op.drop_table("attendance_import")
    op.drop_table("snapshot")
    op.drop_table("series_country")

    op.drop_table("seat_entry")

    op.drop_table("role_grant")
    op.drop_table("report_schedule")
    op.drop_table("report_run")

    op.drop_table("report_recipient")

    op.drop_table("profile_request")

    op.drop_table("person_country")

    op.drop_table("partnership")

    op.drop_table("opening_row")

    op.drop_table("nomination")

    op.drop_table("lecture")

    op.drop_table("enrolment")

    op.drop_table("country_quota")

    op.drop_table("country_merge")

    op.drop_table("award")

    op.drop_table("attendee_resolution")

    op.drop_table("unmatched_attendee")

    op.drop_table("sign_in_session")

    op.drop_table("series_instructor")
    op.drop_table("series_facts")
    op.drop_table("series_design")
    op.drop_table("second_factor")
    op.drop_table("saved_report")
    op.drop_table("recovery_code")
    op.drop_table("public_answer")
    op.drop_table("policy")
    op.drop_table("person_to_compare")

    op.drop_table("person_merge")

    op.drop_table("person_email")

    op.drop_table("one_time_link")
    op.drop_table("mail_choice")

    op.drop_table("enrolment_batch")

    op.drop_table("duplicate_pair")
    op.drop_table("decision_batch")

    op.drop_table("country")

    op.drop_table("consent")

    op.drop_table("certificate_design")
    op.drop_table("calendar_address")

    op.drop_table("audit_subject")

    op.drop_table("api_token")
    op.drop_table("account")
    op.drop_table("worker_heartbeat")
    op.drop_table("time_zone_check")
    op.drop_table("status_list")
    op.drop_table("stamp")

    op.drop_table("speaker")
    op.drop_table("signing_key")

    op.drop_table("sign_in_failure")
    op.drop_table("series")
    op.drop_table("region")

    op.drop_table("public_figures")

    op.drop_table("person")

    op.drop_table("outbox_mail")
    op.drop_table("opening_set")

    op.drop_table("mail_taken")

    op.drop_table("mail_run")

    op.drop_table("kept_answer")

    op.drop_table("job")
    op.drop_table("design_family")
    op.drop_table("column_mapping")
    op.drop_table("bounce_mailbox")

    op.drop_table("audit_entry")


def _drop_index() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for source, name in SEARCHED:
        key = f"search_{source}_{name}"
        if not is_sqlite:
            op.execute(f"DROP INDEX {key}")
            continue
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER IF EXISTS {key}_{event}")  # gone where a later migration rebuilt the table
        op.execute(f"DROP TABLE {key}")
    op.execute("DROP TABLE search_pending" if is_sqlite else "DROP FUNCTION search_grams(text)")
