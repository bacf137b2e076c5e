"""Files in messages: judged, encrypted while they stream, sealed keys beside opaque ids."""
