"""What is wrong with a TLS handshake, in words."""

from __future__ import annotations

import ssl

from runtime.mcp.doctor.report import Trouble

# Codes of OpenSSL's X509_verify_cert_error_string(3).
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED, _SELF_SIGNED_CHAIN, _NO_ISSUER, _UNVERIFIABLE = 9, 10, 18, 19, 20, 21
_OTHER_NAME, _OTHER_ADDRESS = 62, 64


def certificate_trouble(error: ssl.SSLError, host: str) -> Trouble:
    if not isinstance(error, ssl.SSLCertVerificationError):
        if error.reason in {
            "WRONG_VERSION_NUMBER",
            "HTTP_REQUEST",
            "UNKNOWN_PROTOCOL",
            "RECORD_LAYER_FAILURE",
        }:
            return Trouble(
                "The server does not speak TLS on this port.",
                "Check the port; perhaps the address should begin with http://.",
            )
        why = (error.reason or "unknown").replace("_", " ").lower()
        return Trouble(f"The TLS handshake fails: {why}.", "Renew the server's TLS settings.")
    match error.verify_code:
        case code if code in {_OTHER_NAME, _OTHER_ADDRESS}:
            return Trouble(
                f'The certificate is for another name than "{host}".',
                "Use the name that the certificate is for, or get one for this name.",
            )
        case code if code in {_SELF_SIGNED, _SELF_SIGNED_CHAIN}:
            return Trouble(
                "The certificate is signed by itself: nobody vouches for it.",
                "Get a certificate from an authority, or add yours to the worker's trusted ones.",
            )
        case code if code == _EXPIRED:
            return Trouble("The certificate has expired.", "Whoever runs the server renews it.")
        case code if code == _NOT_YET_VALID:
            return Trouble(
                "The certificate is not valid yet.",
                "Check the clock of the worker's machine and of the server.",
            )
        case code if code in {_NO_ISSUER, _UNVERIFIABLE}:
            return Trouble(
                "The certificate is signed by an authority that the worker does not know.",
                "The server must send its whole chain; an authority of your own is added to the worker's trusted ones.",
            )
    return Trouble(f"The certificate is refused: {error.verify_message}.", "Renew the certificate.")
