"""install.sql inside the migrations of Alembic and of Django, in one transaction."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from psycopg.conninfo import conninfo_to_dict

from conftest import Database
from pg_evident import places

pytestmark = pytest.mark.once

INSTALL = places.INSTALL

ALEMBIC_ENV = """
import psycopg
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine("postgresql+psycopg://", poolclass=pool.NullPool,
    creator=lambda: psycopg.connect(context.config.attributes["dsn"]))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
# SQLAlchemy would read a colon or a percent sign in the script as a parameter.
ALEMBIC_FIRST = """
from pathlib import Path
from alembic import op

revision, down_revision = "one", None

def upgrade():
    script = Path({install!r}).read_text()
    op.get_bind().connection.driver_connection.execute(script)
    op.execute("create table shows as select current_user::text as role,"
        " current_setting('search_path') as path,"
        " current_setting('lock_timeout') as lock_timeout,"
        " current_setting('default_transaction_read_only') as read_only")
"""
ALEMBIC_SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "two", "one"

def upgrade():
    op.create_table("orders", sa.Column("id", sa.Uuid(), primary_key=True))
    op.execute("select evident.append_event(gen_random_uuid(), 'Made', '{}', 0)")
"""
DJANGO_FIRST = """
from pathlib import Path
from django.db import migrations

class Migration(migrations.Migration):
    operations = [
        # In a list, so that Django does not split the script.
        migrations.RunSQL([Path({install!r}).read_text()]),
        migrations.RunSQL("create table shows as select current_user::text as role,"
            " current_setting('search_path') as path,"
            " current_setting('lock_timeout') as lock_timeout,"
            " current_setting('default_transaction_read_only') as read_only"),
    ]
"""
DJANGO_SECOND = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("shop_of_django", "0001_evident")]
    operations = [
        migrations.CreateModel("Order", [("id", models.UUIDField(primary_key=True))]),
        migrations.RunSQL(
            "select evident.append_event(gen_random_uuid(), 'Made', '{}', 0)"
        ),
    ]
"""


def require_all_as_before(db: Database, table: str) -> None:
    with db.connect() as connection:
        shows = connection.execute("select s.* from public.shows as s").fetchone()
        assert shows == ("postgres", '"$user", public', "0", "off")
        owner = connection.execute(
            "select c.relowner::regrole::text from pg_class as c"
            " where c.oid = to_regclass(%s)",
            [f"public.{table}"],
        ).fetchone()
        assert owner == ("postgres",)
        row = connection.execute(
            "select count(*) from evident.event_store where event_type = 'Made'"
        ).fetchone()
        assert row == (1,)


@pytest.mark.promise(24)
def test_install_sql_inside_alembic(empty_db: Database, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ALEMBIC_ENV)
    first = ALEMBIC_FIRST.replace("{install!r}", repr(str(INSTALL)))
    (tmp_path / "versions/one.py").write_text(first)
    (tmp_path / "versions/two.py").write_text(ALEMBIC_SECOND)
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("path_separator", "os")
    config.attributes["dsn"] = empty_db.dsn
    command.upgrade(config, "head")
    require_all_as_before(empty_db, "orders")


@pytest.fixture
def django_app(
    empty_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """Give the database of a Django application with two migrations."""
    import django
    from django.conf import settings
    from django.db import connections

    folder = tmp_path / "shop_of_django/migrations"
    folder.mkdir(parents=True)
    for each in (folder, folder.parent):
        (each / "__init__.py").touch()
    first = DJANGO_FIRST.replace("{install!r}", repr(str(INSTALL)))
    (folder / "0001_evident.py").write_text(first)
    (folder / "0002_orders.py").write_text(DJANGO_SECOND)
    monkeypatch.syspath_prepend(str(tmp_path))
    given = conninfo_to_dict(empty_db.dsn)
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": given["dbname"],
                "USER": given["user"],
                "HOST": given["host"],
                "PORT": given.get("port", ""),
            }
        },
        INSTALLED_APPS=["shop_of_django"],
        USE_TZ=True,
    )
    django.setup()
    yield empty_db
    connections.close_all()
    sys.modules.pop("shop_of_django", None)


@pytest.mark.promise(24)
def test_install_sql_inside_django(django_app: Database) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    require_all_as_before(django_app, "shop_of_django_order")
