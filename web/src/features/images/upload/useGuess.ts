import { useEffect, useState } from 'react';
import { type Guess, guessFile } from './format';

/** useGuess looks into a file; undefined until it is known, or when the file cannot be read. */
export function useGuess(file: File | undefined): Guess | undefined {
  const [found, setFound] = useState<{ file: File; guess: Guess }>();
  useEffect(() => {
    if (!file) return;
    let wanted = true;
    guessFile(file).then(
      (guess) => wanted && setFound({ file, guess }),
      () => undefined, // reading it again for the upload tells why
    );
    return () => {
      wanted = false;
    };
  }, [file]);
  return found?.file === file ? found?.guess : undefined;
}
