"""What clients share is what each of them would have by itself."""

import ssl

import yt_dlp
from yt_dlp.networking._urllib import UrllibRH

from video_assets.settings.sources import MiraData
from video_assets.sources.web.client import WebClient


def test_a_client_knows_the_sites_that_yt_dlp_knows_in_their_order(tmp_path):
    with yt_dlp.YoutubeDL({"quiet": True}) as plain, WebClient(MiraData(), cache=tmp_path) as ours:
        assert list(ours._ies.items()) == list(plain._ies.items())


def test_connections_of_all_clients_check_certificates_as_yt_dlp_does(tmp_path):
    with yt_dlp.YoutubeDL({"quiet": True}) as plain, WebClient(MiraData(), cache=tmp_path) as one:
        expected = handler_of(plain)._make_sslcontext()
        context = handler_of(one)._make_sslcontext()
        with WebClient(MiraData(), cache=tmp_path) as other:
            assert handler_of(other)._make_sslcontext() is context
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert sorted(context.get_ca_certs(binary_form=True)) == sorted(expected.get_ca_certs(binary_form=True))
        assert handler_of(one)._make_sslcontext(legacy_ssl_support=True) is not context


def handler_of(client):
    return next(handler for handler in client._request_director.handlers.values() if isinstance(handler, UrllibRH))
