from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "builder.audit"
