"""A database that is away is told apart from a fault: who asked is told to come back, not that something is broken."""

from __future__ import annotations

import json

import psycopg.errors
import pytest
from django.core.handlers.exception import convert_exception_to_response
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError
from django.test import RequestFactory
from django.utils.log import log_response

from builder.http import views
from builder.http.errors import problem_for
from runtime.database_outage import is_outage


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


AWAY = [
    OperationalError("the connection is closed"),
    InterfaceError("the cursor is closed"),
    caused_by(InternalError("cannot execute INSERT"), psycopg.errors.ReadOnlySqlTransaction()),
    caused_by(OperationalError("no space left"), psycopg.errors.DiskFull()),
]
AT_FAULT = [
    ProgrammingError("there is no such column"),
    caused_by(InternalError("aborted"), psycopg.errors.InFailedSqlTransaction()),
    InternalError("something else"),
    ValueError("not the database at all"),
]


@pytest.mark.parametrize("error", AWAY, ids=str)
def test_a_request_that_meets_a_database_that_is_away_may_be_sent_again(error: Exception) -> None:
    answer = problem_for(error)
    body = json.loads(answer.content)
    assert (answer.status_code, body["code"], body["retryable"]) == (503, "database_unavailable", True)
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("error", AT_FAULT, ids=str)
def test_another_failure_is_no_outage(error: Exception) -> None:
    assert not is_outage(error)


def test_not_being_ready_is_an_answer_and_no_error_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(views, "health", away)
    request = RequestFactory().get("/readyz")
    answer = convert_exception_to_response(views.readyz)(request)
    log_response("%s", answer.reason_phrase, response=answer, request=request)
    assert answer.status_code == 503
    assert caplog.records == []
