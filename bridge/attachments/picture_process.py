"""`python -m bridge.attachments.picture_process`: a picture on standard input, its size and thumbnail as JSON out."""

import base64
import io
import json
import resource
import sys

from PIL import Image, ImageOps

_MEMORY_BYTES = 1 << 30
_CPU_S = 15
_MOST_PIXELS = 100_000_000
_THUMBNAIL = (800, 600)
_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")


def main() -> None:
    """Ends with 1, and says nothing, for what can't be decoded within bounds."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS // 2  # Pillow refuses twice as many
    try:
        with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=_FORMATS) as picture:
            sys.stdout.write(json.dumps(described(picture)))
    except Exception:  # noqa: BLE001 whatever a decoder raises: there is no thumbnail
        sys.exit(1)


def described(picture: Image.Image) -> dict[str, object]:
    """As bridge.attachments.pictures.Picture has it. The thumbnail is made anew, so no metadata comes along."""
    size, orientation = picture.size, picture.getexif().get(_ORIENTATION)
    picture.draft("RGB", _THUMBNAIL)  # a JPEG is decoded at a fraction of its size
    turned = ImageOps.exif_transpose(picture)
    turned.thumbnail(_THUMBNAIL)
    clear = turned.convert("RGBA")
    small = Image.new("RGB", clear.size, "white")
    small.paste(clear, mask=clear)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=80)
    width, height = reversed(size) if orientation in _ON_ITS_SIDE else size
    return {
        "width": width,
        "height": height,
        "thumbnail_width": small.width,
        "thumbnail_height": small.height,
        "thumbnail": base64.b64encode(jpeg.getvalue()).decode(),
    }


if __name__ == "__main__":
    main()
