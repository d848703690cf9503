"""Checking a password: equal answers and about equal time for every failure, and a bucket against guessing."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.timezone import now

from builder.accounts.models import SignInAttempts, User
from builder.http.encryption import keyed_hash

MAX_FAILURES = 20
WINDOW = timedelta(days=1)
REFUSED = "E-mail or password is not right."
TOO_MANY = "Too many tries for this account today. Try again tomorrow, or ask an admin."


def authenticate(email: str, password: str) -> tuple[User | None, str]:
    """The person, or nobody and why."""
    email = email.strip().lower()[:254]
    if not email or not password or len(password) > 1000:
        return None, REFUSED
    if not _may_try(email):
        return None, TOO_MANY
    user = User.objects.filter(email=email).first()
    if user is None:
        # As long as a check takes, so that the time does not tell who has an account.
        make_password(password)
        return None, REFUSED
    if not check_password(password, user.password) or not user.is_active:
        return None, REFUSED
    SignInAttempts.objects.filter(key=keyed_hash(email)).delete()
    return user, ""


@transaction.atomic
def _may_try(email: str) -> bool:
    """Take one try from the account's bucket; the try counts before its outcome is known."""
    key = keyed_hash(email)
    SignInAttempts.objects.get_or_create(key=key)
    row = SignInAttempts.objects.select_for_update().get(key=key)
    if now() - row.since > WINDOW:
        row.failures, row.since = 0, now()
    if row.failures >= MAX_FAILURES:
        return False
    row.failures += 1
    row.save(update_fields=["failures", "since"])
    return True
