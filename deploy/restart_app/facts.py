"""What a Django project says of itself to restart_app.sh. Run by `manage.py shell`, as the unit's user and with its environment; Django 2.2 and later.

Prints lines of fields with tabs between them, each beginning with `edgeproxy`, so that what settings modules print is not taken for a fact:

    root      MEDIA_ROOT or STATIC_ROOT, the path with all links resolved (empty: not set)
    manifest  the file in which a storage of hashed names keeps them
    pending   a migration that is not applied
    partly    one of those that, should it fail, is not taken back as a whole: MariaDB and MySQL cannot, nor is one with atomic = False
    breaks    a pending migration, and why the version that runs may fail once it is applied
    look      a pending migration, and what in it cannot be judged
    unknown   a migration that the database has and this version does not know
"""
import os

from django.apps import apps
from django.conf import settings


def say(*fields):
    print("edgeproxy", *(" ".join(str(field).split()) for field in fields), sep="\t")


def say_roots():
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        path = getattr(settings, name, None)
        say("root", name, os.path.realpath(str(path)) if path else "")


def say_manifest():
    if not settings.STATIC_ROOT or not apps.is_installed("django.contrib.staticfiles"):
        return
    from django.contrib.staticfiles.storage import staticfiles_storage as storage

    if getattr(storage, "manifest_name", None):
        place = getattr(storage, "manifest_storage", storage)  # a place of its own since Django 4.0
        say("manifest", place.path(storage.manifest_name))


def say_migrations():
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    loader = executor.loader
    for app, name in sorted(set(loader.applied_migrations) - set(loader.disk_migrations)):
        if app in loader.migrated_apps:
            say("unknown", "{}.{}".format(app, name))
    plan = [migration for migration, _ in executor.migration_plan(loader.graph.leaf_nodes())]
    for migration in plan:
        say("pending", "{0.app_label}.{0.name}".format(migration))
        if not (connection.features.can_rollback_ddl and migration.atomic):
            say("partly", "{0.app_label}.{0.name}".format(migration))
    try:
        judge = Judge(connection, executor._create_project_state(with_applied_migrations=True))
        for migration in plan:
            judge.migration(migration)
    except Exception as error:  # another Django than those known here: a person decides
        say("breaks", "migrations", "they cannot be judged ({}: {})".format(type(error).__name__, error))


class Judge:
    """Goes through pending migrations in order, with the models as they are before each operation."""

    HARMLESS = {
        "CreateModel", "AlterModelOptions", "AlterModelManagers", "AddIndex", "RemoveIndex", "RenameIndex", "AlterIndexTogether", "AlterModelTableComment",
        "RemoveConstraint", "AddIndexConcurrently", "RemoveIndexConcurrently", "CreateExtension", "CreateCollation",
        "BloomExtension", "BtreeGinExtension", "BtreeGistExtension", "CITextExtension", "CryptoExtension", "HStoreExtension",
        "TrigramExtension", "UnaccentExtension",
    }  # fmt: skip

    def __init__(self, connection, state):
        self.connection, self.state, self.created = connection, state, set()

    def migration(self, migration):
        self.name, self.app = "{0.app_label}.{0.name}".format(migration), migration.app_label
        for operation in migration.operations:
            self.operation(operation)
            operation.state_forwards(self.app, self.state)

    def operation(self, operation):
        kind = self.kind_of(operation)
        if kind == "SeparateDatabaseAndState":
            for inner in operation.database_operations:
                self.operation(inner)
            return
        model = (getattr(operation, "model_name", None) or getattr(operation, "name", None) or "").lower()
        if kind == "CreateModel":
            self.created.add((self.app, model))
        elif kind not in self.HARMLESS and (self.app, model) not in self.created:
            getattr(self, kind, self.other)(operation)

    @staticmethod
    def kind_of(operation):
        """The name of Django's own class: projects derive from them."""
        for base in type(operation).__mro__:
            if base.__module__.startswith(("django.db.migrations.operations", "django.contrib.postgres.operations")):
                return base.__name__
        return type(operation).__name__

    def breaks(self, operation, why):
        say("breaks", self.name, "{}: {}".format(operation.describe(), why))

    def other(self, operation):
        say("look", self.name, "{}: whether the version that runs can live with it is not known".format(operation.describe()))

    RunPython = AddConstraint = AlterUniqueTogether = other

    def RunSQL(self, operation):
        self.breaks(operation, "what its SQL does is not known here")

    def gone(self, operation):
        self.breaks(operation, "the version that runs still asks for the old name")

    DeleteModel = RenameModel = AlterModelTable = RemoveField = RenameField = gone

    def AlterOrderWithRespectTo(self, operation):
        self.breaks(operation, "the version that runs cannot insert rows without the new column")

    def AddField(self, operation):
        from django.db.models.fields import NOT_PROVIDED

        field = operation.field
        kept = getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED or getattr(field, "generated", False)
        if not (field.many_to_many or field.null or kept):
            self.breaks(
                operation,
                "a column that may not be null and whose default Django keeps to itself: "
                "the version that runs cannot insert rows (null=True, or db_default=)")

    def AlterField(self, operation):
        old = self.state.apps.get_model(self.app, operation.model_name)._meta.get_field(operation.name)
        after = self.state.clone()
        operation.state_forwards(self.app, after)
        new = after.apps.get_model(self.app, operation.model_name)._meta.get_field(operation.name)
        if old.column != new.column:
            self.gone(operation)
        elif old.null and not new.null:
            self.breaks(operation, "the version that runs may leave it empty")
        elif self.type_of(old) != self.type_of(new) and not self.is_widened(old, new):
            self.breaks(operation, "the column changes from {} to {}".format(self.type_of(old), self.type_of(new)))
        elif new.unique and not old.unique:
            self.other(operation)

    def type_of(self, field):
        return field.db_type(self.connection)

    @staticmethod
    def is_widened(old, new):
        same = old.get_internal_type() == new.get_internal_type()
        return same and old.max_length is not None and (new.max_length is None or new.max_length >= old.max_length)


say_roots()
if os.environ.get("EDGEPROXY_ASK") != "roots":
    say_manifest()
    say_migrations()
