"""Where settings come from: the argument, else the environment, else the default. Only this module reads the environment."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from .._shared.loopback import is_loopback
from .._version import __version__
from ._proxies import chosen, named
from ._timeouts import Timeout, TimeoutLike
from .errors import ConfigurationError

DEFAULT_BASE_URL = "http://127.0.0.1:5005"
"""Where the embedded engine listens by default."""
BASE_URL_VARIABLES = ("LLM_ENGINE_BASE_PATH", "LLM_ENGINE_SERVE_BASE_PATH")
API_KEY_VARIABLE = "SCALE_API_KEY"
ALLOW_HTTP_VARIABLE = "LLM_ENGINE_ALLOW_HTTP"
LOCAL_PLACEHOLDER = "local"
"""Sent to a server on loopback if there is no key. An engine without a key accepts any key, but a request must have one."""
_SECRET_HEADER = re.compile(
    r"auth|cookie|key|token|secret|pass|credential|session|sig|jwt|bearer|saml|assertion|code", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"\s*(basic|bearer|digest|negotiate|eyJ)", re.IGNORECASE)  # eyJ: a JSON web token
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A client's settings, resolved. The key never shows in `repr`."""

    base_url: str
    api_key: str = field(repr=False)
    timeouts: Timeout
    max_retries: int
    headers: Mapping[str, str] = field(repr=False)
    permitted: bool = True
    """Whether the key may be sent there: over https, to this machine, or unencrypted because the user allows it."""

    @classmethod
    def resolve(
        cls,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: TimeoutLike | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Settings:
        """Resolve every setting.

        Raises:
            ConfigurationError: The base URL is not an http(s) URL, or there is no key for a server that is not on loopback.
        """
        env = os.environ if environ is None else environ
        from_env = next((env[name] for name in BASE_URL_VARIABLES if env.get(name)), None)
        url = normalise_base_url(base_url or from_env or DEFAULT_BASE_URL)
        key = _api_key(api_key or env.get(API_KEY_VARIABLE), url)
        allowed = allow_http or env.get(ALLOW_HTTP_VARIABLE, "").strip().lower() in {"1", "true", "yes", "on"}
        if max_retries < 0:
            raise ConfigurationError(
                f"max_retries is {max_retries}; it counts the tries after the first, so 0 or more."
            )
        return cls(
            base_url=url,
            api_key=key,
            timeouts=Timeout.of(timeout),
            max_retries=max_retries,
            headers={**_headers(key), **_given_headers(default_headers)},
            permitted=allowed or url.startswith("https:") or _reveals_nothing(urlsplit(url).hostname or ""),
        )

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.base_url.startswith("https:")

    def check_encrypted(self) -> None:
        """Check that nobody on the network can read the key, unless the user allows it. Called before anything is sent.

        Raises:
            ConfigurationError: The server is not on this machine, and the connection is not encrypted.
        """
        if not self.permitted:
            raise ConfigurationError(
                f"{self.base_url} is not encrypted: everyone on the way could read the API key. Use https, or permit it with "
                f"allow_http=True or {ALLOW_HTTP_VARIABLE}=1, as inside a cluster's own network."
            )

    def proxy(self) -> str | None:
        """Return the proxy that the environment defines for the base URL, if any; never one for this machine itself.

        Raises:
            ConfigurationError: The client does not support this kind of proxy, or the proxy's URL is invalid.
        """
        if proxies := named(os.environ):
            return chosen(self.base_url, proxies)
        # If no variable defines one, macOS and Windows have their own settings, with their own exceptions.
        proxies = getproxies()
        return None if not proxies or proxy_bypass(urlsplit(self.base_url).netloc) else chosen(self.base_url, proxies)


def portable(
    base_url: str | None,
    timeout: TimeoutLike | None,
    max_retries: int,
    default_headers: Mapping[str, str] | None,
    *,
    allow_http: bool = False,
) -> dict[str, Any]:
    """Return a client's arguments for a pickle: without credentials, which must not be stored in files and queues."""
    given = (default_headers or {}).items()
    headers = {k: v for k, v in given if not (_SECRET_HEADER.search(k) or _SECRET_VALUE.match(v))}
    return {
        "base_url": normalise_base_url(base_url) if base_url else None,
        "timeout": timeout,
        "max_retries": max_retries,
        "default_headers": headers or None,
        "allow_http": allow_http,
    }


def normalise_base_url(url: str) -> str:
    """Check a base URL and drop its trailing slash, query, fragment and userinfo; a path is kept.

    Raises:
        ConfigurationError: It is not an http(s) URL with a host.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
        path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=")
    except ValueError as error:
        raise ConfigurationError(f"base_url is not a valid URL: {error}.") from error
    if parts.scheme not in {"http", "https"} or not host or " " in host:
        raise ConfigurationError(
            "base_url must be an http(s) URL such as http://127.0.0.1:5005 or https://llm-engine.example.com/path."
        )
    if ":" in host:
        host = f"[{host}]"
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, path, "", ""))


def _reveals_nothing(host: str) -> bool:
    """Return whether only this machine can listen: loopback, and names that never resolve (RFC 6761, 6.2 and 6.4), as in tests."""
    return is_loopback(host) or host.endswith((".test", ".invalid"))


def _api_key(key: str | None, url: str) -> str:
    if key is None or not key.strip():
        if is_loopback(urlsplit(url).hostname or ""):
            return LOCAL_PLACEHOLDER
        raise ConfigurationError(
            f"No API key for {url}: set the environment variable {API_KEY_VARIABLE} or pass api_key=."
        )
    if not key.strip().isprintable():
        raise ConfigurationError("The API key contains control characters.")
    if ":" in key and not key.isascii():
        raise ConfigurationError("The API key has a colon and letters beyond ASCII: no way to send it can hold both.")
    return key.strip()


def _headers(key: str) -> dict[str, str]:
    """Return the headers of every request.

    The gateway accepts both Basic and Bearer. Basic, with the key as user name, is what deployments have always received, but the key
    cannot contain a colon then. `x-api-key` is for the proxies in front of some deployments; the gateway itself ignores it.
    """
    basic = b64encode(f"{key}:".encode()).decode("ascii")
    return {
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "authorization": f"Bearer {key}" if ":" in key else f"Basic {basic}",
        "user-agent": f"llmengine-integrations/{__version__}",
    } | ({"x-api-key": key} if key.isascii() else {})


def _given_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    for name, value in (headers or {}).items():
        if not _HEADER.fullmatch(f"{name}:{value}"):
            raise ConfigurationError(f"The default header {name!r} cannot be sent: it must be printable ASCII.")
    return {name.lower(): value for name, value in (headers or {}).items()}
