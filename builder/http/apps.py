from django.apps import AppConfig


class HttpConfig(AppConfig):
    name = "builder.http"
    label = "http"
