"""Names with and without a hash. Tools listed with a version produced these names themselves."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgistatic.representations.immutable import is_hashed

HASHED: dict[str, list[str]] = {
    "Django 5.2 ManifestStaticFilesStorage": [
        "/static/admin/js/vendor/select2/i18n/ru.934aa95f5b5f.js",
        "/static/admin/js/vendor/select2/i18n/bs.91624382358e.js",
        "/static/admin/js/SelectFilter2.58388953117f.js",
        "/static/admin/css/vendor/select2/LICENSE-SELECT2.f94142512c91.md",
        "/static/admin/js/vendor/jquery/LICENSE.de877aa6d744.txt",
    ],
    "Vite 8 (Rolldown)": [
        "/assets/checkout202-BcAdeAJT.css",
        "/assets/vendor38-eqr0FFHN.css",
        "/assets/admin_panel137-DHvLPoeG.js",
        "/assets/utils157-tM9S3x5c.js",
        "/assets/Home321-sGMFJFv-.svg",
        "/assets/chart279-Bhbubv-n.js",
        "/assets/chart55-C9nZrdb2.js",
    ],
    "Vite 5 (Rollup)": [
        "/assets/DataTable-CmWbgscz.js",
        "/assets/DataTable104-J66hC54_.css",
        "/assets/search.worker44-BIwgq3Q5.js",
    ],
    "Vite 2": [
        "/assets/DataTable.a81e7091.js",
        "/assets/DataTable104.c1f2e68e.js",
        "/assets/ProductList91.57ce9449.svg",
    ],
    "Rollup 4": [
        "/about146-CDsShhPU.js",
        "/about34-DGDd05Ij.js",
        "/search.worker140-CMjv5OLM.js.map",
        "/index336-R1rLpwP-.js",
        "/assets/search.worker156-BiEduTzz.css",
    ],
    "webpack 5": [
        "/3265.89301be78da31d1de8c5.js",
        "/9663.0fcd3dc619b3bddf5c89.css",
        "/4820.943e3cb0bc875577302b.js.map",
        "/38fac3ebeb351e7b9f53.svg",
        "/8096.13a75dc0.chunk.js",
        "/4537.11f4cee8.chunk.js.map",
    ],
    "Rspack 2": ["/4525.6323b23a.js.map", "/6608.5f73bedd22077bf0.css", "/1032.4082b7f2.js"],
    "esbuild 0.28": [
        "/LoginForm334-6X7VGQK3.js",
        "/LoginForm142-UVBR5TGY.js.map",
        "/Settings340-WQRFKSPJ.css.map",
        "/search.worker284-D7LR34HD.js.map",
    ],
    "Parcel 2": [
        "/search.worker380.883f27c5.js",
        "/use-fetch389.8c61237d.svg",
        "/vendor198.552a02ca.css.map",
        "/DataTable.2df81659.js",
    ],
    "Create React App 5": [
        "/static/css/8042.0bec6671.chunk.css",
        "/static/js/8201.e90315bb.chunk.js.map",
        "/static/js/1706.a33c61e3.chunk.js",
    ],
    "Angular 19": ["/chunk-3HYCWRD6.js", "/chunk-7K4TPJGS.js", "/chunk-SUZQ7QNT.js"],
    "Angular 19 with webpack": [
        "/141.b4883123abfcce5d.js",
        "/polyfills.0ad1e895a19e30f4.js",
        "/runtime.c4bb3ac3dae9808d.js",
    ],
    "Next.js 15": [
        "/_next/static/chunks/app/b/page-59cbb66337d3a4a8.js",
        "/_next/static/chunks/099e4bb675fc8440.js",
        "/_next/static/chunks/turbopack-f87ba75d564b6637.js",
        "/_next/static/css/fabf1e2684a6644e.css",
        "/_next/static/media/bg.bb2b8223.svg",
    ],
    "Nuxt 3": ["/_nuxt/BTWloS22.js", "/_nuxt/zE5Tkr_-.js", "/_nuxt/error-404.DL_4WIao.css"],
    "Astro 5": [
        "/_astro/lb.BkmCpTrw.svg",
        "/_astro/c.astro_astro_type_script_index_0_lang.B8CESdf5.js",
    ],
    "SvelteKit 2": [
        "/_app/immutable/chunks/wbPk3Yxo.js",
        "/_app/immutable/nodes/7.kZuddBv8.js",
        "/base/_app/immutable/assets/4.Ohuufx8T.css",
    ],
    "mdBook, rustdoc": ["/searchindex-298329b5.js", "/FiraSans-Medium-e1aa3f0a.woff2"],
    "JupyterLab": ["/static/lab/1014.073326ef5d98db5e.js"],
    "from documentation": [
        "/docs/_next/static/media/e4af272ccee01ff0-s.p.woff2",  # Next.js
        "/blog/_astro/hero.DwGwx56g_Z1a2b3c.webp",  # Astro
        "/component---src-pages-index-js-0f1d5b2c7a9e4d3f6b8a.js",  # Gatsby
        "/static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",  # CRA 4
        "/app-9b0e8f0a1d2c3b4a5f6e7d8c9b0a1f2e3d4c5b6a7f8e9d0c1b2a3f4e5d6c7b8a.js",  # Sprockets
        "/assets/index-DiwrgTda.js",  # Vite
        "/main.56770a64be1a1132502b276c4132a76bb94d9e1b.js",  # rollup-plugin-hash
        "/main.8f7e3c2b.bundle.js",  # webpack with a custom template
        "/main-8f7e3c2b1a9d.js",  # webpack with [contenthash:12]
        "/vendor.8f7e3c2b1a.min.js",  # webpack with [contenthash:10]
    ],
}

PLAIN: dict[str, list[str]] = {
    "nothing": ["", "/", "/static/", "/.js", "/-.js", "js", "/_astro/", "/_app/immutable/"],
    "versions": [
        "/jquery-3.7.1.min.js",
        "/lib-v1.2.3-beta1.js",
        "/bootstrap.bundle.min.js",
        "/three.r128.min.js",
        "/app-1.0.0-rc.1.js",
        "/lib-1.2.3-4-g1a2b3c4.js",
        "/app-2.0.0-20240131.js",
        "/lib-V1-2-3-b.js",
        "/lib-1-2-3-Rc.js",
    ],
    "dates, times and numbers": [
        "/report-20240101.pdf",
        "/photo.20240131.jpg",
        "/report-20240131.js",
        "/log.202401311200.txt",
        "/a.20240131120000.css",
        "/IMG-20240101-WA0001.jpg",
        "/DSC_01234567.jpg",
        "/DSC-01234567.jpg",
        "/invoice-12345678.pdf",
        "/invoice-1a2b3c4d.pdf",
        "/backup-1706659200.js",
        "/call-4930123456789012.mp3",
        "/report-Jan-2024.svg",
        "/shot-2024-01-31.png",
        "/part-b1234567.png",
        "/part-1234567b.png",
        "/part-c0012345.png",
        "/apple-touch-icon-152x152.png",
        "/icon-1024x768.png",
        "/icon.11111111.png",
    ],
    "words of hexadecimal letters": [
        "/deadbeef.txt",
        "/deadbeef.js",
        "/app-deadbeef.js",
        "/app.deadbeef.css",
        "/wall-facade01.jpg",
        "/cafe2024.js",
    ],
    "ids": [
        "/avatar-550e8400-e29b-41d4-a716-44a65c4400f0.png",
        "/sku-A1B8XQ9Z.jpg",
        "/550e8400-e29b-41d4-a716-44a65c4400f0.js",
        "/avatar-9b0e8f0a1d2c4b4aaf6e7d8c9b0a1f2e.png",
        "/9b0e8f0a1d2c3b4a5f6e7d8c9b0a1f2e.jpg",
        "/user-507f1f77bcf86cd799439011.jpg",
        "/1a2b3c4d.js",
        "/dQw4w9WgXcQ.mp4",
        "/photo_a1B2c3D.jpg",
        "/data-1a2b3c4d.csv",
        "/data-tM9S3x5c.json",
        "/page.tM9S3x5c.html",
    ],
    "words": [
        "/component-settings.js",
        "/app-settings.css",
        "/font-awesome.css",
        "/my-document.js",
        "/index-template.html",
        "/chapter-overview.html",
        "/README.md",
        "/fonts/inter-variable.woff2",
        "/page-homepage.js",
        "/vendor-Bootstrap.js",
        "/app-Settings.js",
        "/trait.Iterator.js",
        "/app-TEMPLATE.js",
        "/icon-DOWNLOAD.svg",
        "/data-ABCDEFGH.csv",
        "/logo-YYYYMMDD.svg",
        "/logo-AAAAAAAA.svg",
        "/nav-VERSION2.svg",
        "/nav-2DMODELS.svg",
        "/apple-touch-icon.png",
        "/safari-pinned-tab.svg",
        "/mstile-150x150.png",
        "/readme-how-to-build.js",
        "/KaTeX_AMS-Regular.woff2",
        "/Inter-SemiBold.woff2",
        "/NotoSans-ExtraBold.ttf",
    ],
    "identifiers": [
        "/trait.ToString.js",
        "/trait.OsStrExt.js",
        "/trait.UpperHex.js",
        "/Iterator.zipKeyed.js",
        "/lib-DataView.js",
        "/aws-DynamoDB.svg",
        "/lib-myObject.js",
        "/app-getItems.js",
        "/use-useFetch.js",
        "/lib-JSONView.js",
        "/lib-Utf8Text.js",
        "/lib-H264Test.js",
        "/lib-Base64Js.js",
        "/lib-Part2Of3.js",
        "/lib-OAuthApp.js",
        "/lib-iPhone15.png",
        "/test-8000Hz-le-3ch-5S-24bit.wav",
        "/x-linux-x86_64.js",
        "/User-Guide-Foo-Bar1.js",
    ],
    "names that resemble the directories": [
        "/my_astro/app.js",
        "/_astro.js",
        "/_nuxt/builds/latest.json",
        "/_nuxt/builds/meta/1627b96b-3e88-4e0f-8ecf-e19759e13b7d.json",
        "/_next/static/rKp1eGnasa3jHUAe9HuSk/_buildManifest.js",
        "/_next/data/index.json",
        "/_app/version.json",
        "/app/immutable/app.js",
    ],
    "almost matching the rules": [
        "/app.55e7cbb9ba4.css",
        "/app.55e7cbb9ba488.css",
        "/app.55E7CBB9BA48.css",
        "/app.123456789012.css",
        "/.55e7cbb9ba48.css",
        "/.55e7cbb9ba48",
        "/55e7cbb9ba48.css",
        "/app-tM9S3x5.js",
        "/app-tM9S3x5cc.js",
        "/app_tM9S3x5c.js",
        "/-tM9S3x5c.js",
        "/tM9S3x5c.js",
        "/app-tM9--x5c.js",
        "/app-tM9S3x5c.js.gz",
        "/app-tM9S3x5c.map",
        "/app-tM9S3x5c.svg.map",
        "/app-tM9S3x5c",
        "/app-tM9S3\xe95c.js",
        "/app-\u0663\u0663\u0663a\u0663b\u0663c.js",
        "/main.8f7e3c2b.js.LICENSE.txt",
        "/tM9S3x5c-app/index.js",
        "/8f7e3c2b1a9d4e5f6a7b/index.html",
    ],
}

# Hashes that might be something else, and are not recognised, as the docstring of is_hashed says.
MISSED = [
    "/about258.26828989.css",  # Parcel
    "/search.worker.574318fb.css.map",  # Parcel
    "/about322.a1253740.js",  # Parcel
    "/assets/DataTable-D71YAwsw.css",  # Vite 8
    "/assets/DataTable104-BUI-pAh5.js",  # Vite 5
    "/index368-uNTnkRAN.js.map",  # Rollup
    "/index-BLUIesqz.cjs",  # Rolldown
    "/index176-PENFITMT.css",  # esbuild
    "/styles-5INURTSO.css",  # Angular
    "/00611fce41fd9235.svg",  # Rspack
    "/ProductList363.311000012877.svg",  # Django
]


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(label, url) for label, urls in table.items() for url in urls]


@pytest.mark.parametrize(("tool", "url"), cases(HASHED))
def test_names_from_tools_are_recognised(tool: str, url: str) -> None:
    assert is_hashed(url), tool


@pytest.mark.parametrize(("kind", "url"), cases(PLAIN))
def test_other_names_are_not_recognised(kind: str, url: str) -> None:
    assert not is_hashed(url), kind


@pytest.mark.parametrize("url", MISSED)
def test_hashes_that_resemble_words_or_numbers_are_not_recognised(url: str) -> None:
    assert not is_hashed(url)


def test_django_hashes_are_recognised_unless_they_have_no_letter() -> None:
    hashes = [hashlib.md5(str(i).encode()).hexdigest()[:12] for i in range(2000)]
    found = [digits for digits in hashes if is_hashed(f"/static/report.{digits}.pdf")]
    assert found == [digits for digits in hashes if not digits.isdigit()]


@pytest.mark.parametrize("word", ["settings", "overview", "download", "homepage", "document"])
def test_words_are_not_hashes_in_any_case(word: str) -> None:
    for text in (word, word.capitalize(), word.upper(), word[:4] + word[4:].capitalize()):
        assert not is_hashed(f"/app-{text}.js")


@given(st.integers(0, 10**20), st.sampled_from(["js", "css", "png", "pdf"]))
def test_numbers_are_not_hashes(number: int, extension: str) -> None:
    for separator in "-._":
        assert not is_hashed(f"/photo{separator}{number:08}.{extension}")


@given(st.text(), st.sampled_from(["", ".js", ".css.map", "-tM9S3x5c.js"]))
def test_any_url_is_decided(text: str, end: str) -> None:
    assert is_hashed(text + end) in (True, False)


@pytest.mark.parametrize(
    "part", ["a", "-", ".", "a1", ".chunk", "_nuxt", "/_nuxt", "/", "-tM9S3x5c"]
)
def test_long_urls_take_linear_time(part: str) -> None:
    text = part * (100_000 // len(part))
    began = time.process_time()
    for url in (text, f"/app-{text}.js", f"/{text}.js", f"/app.{text}.css.map", f"/_nuxt/{text}"):
        is_hashed(url)
    assert time.process_time() - began < 1  # measured: 0.001
