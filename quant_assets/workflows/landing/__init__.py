"""Landing: one file from open to report; the whole of it is judged before the first commit."""
