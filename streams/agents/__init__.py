"""Jobs of the stream engine: decode a batch, fold it with `streams.core`, write one step."""
