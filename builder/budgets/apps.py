from importlib import import_module

from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "builder.budgets"

    def ready(self) -> None:
        # It registers itself with builder.accounts, which lies below and must not import it.
        import_module("builder.budgets.actions")
