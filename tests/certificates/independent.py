"""An Open Badges verifier by others, in a process of its own: no code of this product, and no network.

Reads JSON from standard input: `{jwks, badges: [text], pictures: [base64], lists: {address: text}}`; writes for each
badge and picture null where it is accepted, else why not. Besides the verifier's checks of a JWT those of its JSON-LD
are made: the contexts, which it brings with it, define every term.
"""

import base64
import json
import socket
import sys
from typing import Any


class _NoNetwork(socket.socket):
    def __init__(self, *given: Any, **named: Any) -> None:
        raise OSError("there is no network here")


socket.socket = _NoNetwork  # type: ignore[misc]

import jwt  # noqa: E402
from openbadgeslib.ob3._context_validation import _check_form  # noqa: E402
from openbadgeslib.ob3.contexts import document_loader  # noqa: E402
from openbadgeslib.ob3.verifier import OB3VerificationError, OB3Verifier  # noqa: E402
from pyld import jsonld  # noqa: E402

REGISTERED = ("iss", "jti", "nbf", "sub")


def main() -> None:
    asked = json.load(sys.stdin)
    keys = {jwk["kid"]: jwt.PyJWK(jwk).key for jwk in asked["jwks"]["keys"]}

    def fetch(address: str) -> bytes:
        if address not in asked["lists"]:
            raise OSError(f"{address} cannot be reached")
        return str(asked["lists"][address]).encode()

    def judge(text: str) -> str | None:
        kid = jwt.get_unverified_header(text).get("kid")
        if kid not in keys:
            return "no key of the issuer"
        try:
            OB3Verifier(keys[kid]).verify(text, check_status=True, download=fetch)
        except OB3VerificationError as error:
            return str(error)
        claims = jwt.decode(text, options={"verify_signature": False})
        credential = {name: value for name, value in claims.items() if name not in REGISTERED}
        try:
            _check_form(credential, document_loader(), jsonld, what="credential", depth=0)
        except OB3VerificationError as error:
            return str(error)
        return None

    pictures = [OB3Verifier.extract_token_from_png(base64.b64decode(picture)) for picture in asked["pictures"]]
    print(json.dumps({"badges": [judge(one) for one in asked["badges"]], "pictures": [judge(one) for one in pictures]}))


if __name__ == "__main__":
    main()
