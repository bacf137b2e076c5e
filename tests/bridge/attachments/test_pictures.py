"""bridge/attachments/pictures.py: size and small version of a picture, whatever is in it."""

import io

from PIL import Image

from bridge.attachments.pictures import Picture, Pictures


def jpeg(width: int, height: int, **options: object) -> bytes:
    """A picture of one colour."""
    made = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(made, "JPEG", **options)
    return made.getvalue()


def opened(picture: Picture | None) -> Image.Image:
    """The thumbnail."""
    assert picture is not None
    return Image.open(io.BytesIO(picture.thumbnail_bytes))


async def test_a_picture_gets_a_small_version() -> None:
    """At most 800 by 600, in its proportions; its own size is told."""
    picture = await Pictures().look(jpeg(2400, 1200))
    assert picture is not None
    assert (picture.width, picture.height) == (2400, 1200)
    small = opened(picture)
    assert small.size == (picture.thumbnail_width, picture.thumbnail_height) == (800, 400)
    assert small.format == "JPEG"


async def test_it_says_nothing_of_where_it_was_taken() -> None:
    """No EXIF, no comment, no profile comes along; a picture on its side is turned."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = 6, "cámara de María", {1: "N", 2: (40.0, 25.0, 0.0)}
    picture = await Pictures().look(
        jpeg(1000, 500, exif=exif, comment="Calle Mayor 1", icc_profile=b"p" * 99)
    )
    assert picture is not None
    assert (picture.width, picture.height) == (500, 1000)
    small = opened(picture)
    assert (small.width < small.height, dict(small.getexif())) == (True, {})
    assert not small.info.keys() & {"comment", "exif", "icc_profile"}
    assert b"Mar" not in picture.thumbnail_bytes


async def test_transparency_becomes_white() -> None:
    """A drawing on nothing is not black."""
    made = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(made, "PNG")
    assert opened(await Pictures().look(made.getvalue())).getpixel((25, 25)) == (255, 255, 255)


async def test_bombs_and_broken_pictures_get_none() -> None:
    """A small file of a hundred million pixels and more, and one that ends early: no thumbnail, no harm."""
    made = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(made, "PNG")
    assert len(made.getvalue()) < 200_000
    assert await Pictures().look(made.getvalue()) is None
    assert await Pictures().look(jpeg(800, 800)[:400]) is None
    assert await Pictures().look(b"GIF89a") is None


async def test_one_that_takes_too_long_is_given_up() -> None:
    """Its process is killed."""
    assert await Pictures(patience_s=0.001).look(jpeg(100, 100)) is None
