"""Errands are for somebody who waits: what nobody waits for is neither looked at nor kept."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from runtime.engine import clock, errands, sweeping
from runtime.identifiers import new_id
from runtime.models import Errand

pytestmark = pytest.mark.django_db


def an_errand(expired_s: float, status: str = Errand.Status.DONE) -> Errand:
    at = clock.now() - timedelta(seconds=expired_s)
    return Errand.objects.create(
        workspace_id=UUID(int=1), kind="refresh", status=status, created_at=at, expires_at=at
    )


def test_those_that_are_over_for_a_day_are_forgotten() -> None:
    an_errand(errands.KEPT_S + 60)
    an_errand(errands.KEPT_S + 60, Errand.Status.QUEUED)
    kept = {an_errand(errands.KEPT_S - 60).pk, an_errand(-40, Errand.Status.RUNNING).pk}

    assert errands.forget_old() == 2

    assert set(Errand.objects.values_list("pk", flat=True)) == kept
    assert errands.forget_old() == 0


def test_a_host_does_not_look_for_what_has_expired() -> None:
    an_errand(10, Errand.Status.QUEUED)
    assert not sweeping.look(new_id()).errands

    an_errand(-40, Errand.Status.QUEUED)
    assert sweeping.look(new_id()).errands
