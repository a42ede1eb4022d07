"""The contenders: each module has a class `Contender`, whose methods are the scenarios."""
