import type { HttpProblem } from '../problems';
import { renderPage } from './page';

const ADVICE: Record<number, string> = {
  401: 'These pages want the user and the password that the service was started with.',
  404: 'No namespace has this id or full path. A path is spelled as in its address, with every group above it.',
  500: 'The service hit a bug. Its log has the error, under the id of this request.',
  503: 'The database does not answer right now. Try again in a moment.',
};

/** What went wrong, for a person. */
export function problemPage({ status, body }: HttpProblem): string {
  const title = 'message' in body ? body.message : body.error;
  return renderPage(
    title,
    <>
      <h1>{title}</h1>
      <p>{ADVICE[status] ?? 'Correct the address, or search again.'}</p>
    </>,
  );
}
