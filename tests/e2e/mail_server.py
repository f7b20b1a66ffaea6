"""A mail server that keeps what it is given.

mail_server.py clear|starttls|tls CERTIFICATE KEY ACCOUNT PASSWORD

The first line that it prints is its port; then one JSON object a line: each command that costs a
secret or a mail, as it happens.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

mode, certificate, key, account, password = sys.argv[1:6]


def tell(**what):
    print(json.dumps(what), flush=True)


def encrypted(session):
    return session.ssl is not None or mode == "tls"


class Keep:
    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        tell(command="MAIL", encrypted=encrypted(session))
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode("utf-8")
        tell(command="DATA", to=envelope.rcpt_tos, text=text, signed_in=session.authenticated)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, shown):
    tell(command="AUTH", encrypted=encrypted(session))
    right = LoginPassword(account.encode(), password.encode())
    return AuthResult(success=shown == right, handled=shown == right)


async def serve():
    context = None
    if mode != "clear":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

    def session():
        return SMTP(
            Keep(),
            enable_SMTPUTF8=True,
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            authenticator=authenticate,
            auth_require_tls=False,
        )

    loop = asyncio.get_running_loop()
    implicit = context if mode == "tls" else None
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve())
