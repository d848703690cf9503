from django.apps import AppConfig


class OAuthServerConfig(AppConfig):
    name = "builder.oauth_server"
