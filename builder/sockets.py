"""Every socket; each is declared in the authorization matrix too."""

from typing import Any

from django.urls import path

from builder.monitoring.consumers import RunConsumer

socket_urls: list[Any] = [path("ws/runs/<uuid:run_id>", RunConsumer.as_asgi())]
