import { expect, test } from "vitest";
import { filterWords, runsOf } from "./words";

const sure = (...all: number[]) => all.map((one, at) => ({ ended: at * 100, sure: one }));

test("words below a half are guesses, and neighbours of a kind stand together", () => {
  expect(runsOf("I think of doctor Eames", sure(90, 50, 70, 49, 0, 10))).toEqual([
    { text: "I think of", isGuess: false },
    { text: "doctor Eames", isGuess: true },
  ]);
});

test("nothing is a guess where nothing is known, or something that does not fit", () => {
  expect(runsOf("So it is")).toEqual([{ text: "So it is", isGuess: false }]);
  expect(runsOf("So it is", sure(10, 10))).toEqual([{ text: "So it is", isGuess: false }]);
  expect(runsOf("", sure(10))).toEqual([]);
});

test("strong words and the reader's own keep their first letter", () => {
  expect(filterWords("Shit, what a fucking mess!", "")).toBe("S•••, what a f•••••• mess!");
  expect(filterWords("The Doctor said so", " doctor, nurse ")).toBe("The D••••• said so");
});

test("words that only look alike stay", () => {
  expect(filterWords("The class of Scunthorpe drank a cocktail", "")).toBe(
    "The class of Scunthorpe drank a cocktail",
  );
});
