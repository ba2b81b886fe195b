"""What type checkers make of cached functions: mypy reads this file with the others, and an ignore that is not needed is an error."""

import asyncio

from typing_extensions import assert_type

import kvd


class Shop:
    @classmethod
    @kvd.cached(ttl=5)
    def below(cls, x: int) -> str:
        return f"{cls.__name__} {x}"

    @classmethod
    @kvd.cached
    def bare(cls, x: int) -> str:
        return f"{cls.__name__} {x}"

    @classmethod
    @kvd.lru_cache(maxsize=3)
    def lru(cls, x: int) -> str:
        return f"{cls.__name__} {x}"

    @classmethod
    @kvd.cached(ttl=5)
    async def later(cls, x: int) -> str:
        return f"{cls.__name__} {x}"

    @staticmethod
    @kvd.cached(ttl=5)
    def static(x: int) -> str:
        return str(x)

    @kvd.cached(ttl=5)
    def method(self, x: int) -> str:
        return str(x)

    @kvd.cached
    async def method_later(self, x: int) -> str:
        return str(x)


class Branch(Shop):
    def use(self) -> str:
        return self.method(1) + self.below(2) + super().method(3)


@kvd.cached(ttl=5)
def function(x: int, *, y: str = "") -> list[int]:
    return [x]


@kvd.cached
def of_a_type(kind: type[int]) -> int:
    return kind(1)


def test_methods_of_classes_take_the_arguments_after_the_class() -> None:
    assert assert_type(Shop.below(1), str) == assert_type(Shop().below(1), str) == "Shop 1"
    assert assert_type(Shop.bare(1), str) == assert_type(Shop().bare(x=1), str) == "Shop 1"
    assert assert_type(Shop.lru(1), str) == "Shop 1" and assert_type(Branch.below(1), str) == "Branch 1"
    assert Branch().use() == "1Branch 23"


def test_other_functions_keep_their_types() -> None:
    assert assert_type(function(1, y="a"), list[int]) == [1] and assert_type(of_a_type(int), int) == 1
    assert assert_type(Shop.static(1), str) == assert_type(Shop().method(1), str) == "1"
    assert Shop.method(Shop(), 1) == "1" and function.invalidate(1) is False

    async def main() -> None:
        assert assert_type(await Shop.later(1), str) == "Shop 1" and assert_type(await Shop().method_later(1), str) == "1"

    asyncio.run(main())


def wrong_calls() -> None:
    function("x")  # type: ignore[arg-type]
    Shop.below("x")  # type: ignore[arg-type]
    Shop.below(Shop, 1)  # type: ignore[call-arg, arg-type]
    Shop().method()  # type: ignore[call-arg]
