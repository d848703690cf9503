"""What a stranger learns by trying passwords: nothing about who has an account, not even from the time it takes."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher

from builder.accounts.models import User
from builder.accounts.sign_in import authenticate

pytestmark = pytest.mark.django_db

E_MAIL = "agent@shop.example"
PASSWORD = "a long password"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed: what the time of an answer consists of."""
    User.objects.create_user(E_MAIL, PASSWORD)
    seen: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        seen.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return seen


@pytest.mark.parametrize("email", [E_MAIL, "nobody@shop.example"])
def test_a_wrong_password_and_an_unknown_person_are_told_the_same_after_one_hash(
    hashed: list[str], email: str
) -> None:
    person, why = authenticate(email, "another password")

    assert person is None
    assert why == "E-mail or password is not right."
    assert hashed == ["another password"]


def test_the_right_password_lets_in(hashed: list[str]) -> None:
    person, why = authenticate(f" {E_MAIL.upper()} ", PASSWORD)

    assert person is not None
    assert (person.email, why) == (E_MAIL, "")
    assert hashed == [PASSWORD]


def test_who_was_shut_out_is_told_what_a_stranger_is(hashed: list[str]) -> None:
    User.objects.update(is_active=False)

    assert authenticate(E_MAIL, PASSWORD) == (None, "E-mail or password is not right.")
