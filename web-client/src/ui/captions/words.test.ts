import { expect, test } from "vitest";
import { filterWords } from "./words";

test("strong words and the reader's own keep their first letter", () => {
  expect(filterWords("Shit, what a fucking mess!", "")).toBe("S•••, what a f•••••• mess!");
  expect(filterWords("The Doctor said so", " doctor, nurse ")).toBe("The D••••• said so");
});

test("words that only look alike stay", () => {
  expect(filterWords("The class of Scunthorpe drank a cocktail", "")).toBe(
    "The class of Scunthorpe drank a cocktail",
  );
});
