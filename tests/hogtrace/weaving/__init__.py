"""What the tests of the weaver share: hooks, a verifier of woven code, and cases to run bare and woven."""
