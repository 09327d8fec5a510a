import { expect, test } from '@jest/globals';
import { describeInBrowser } from '../../support/browser';
import { testEnvironment } from '../../support/environment';

describeInBrowser('the API in a browser', (browser) => {
  test('answers', async () => {
    const page = await browser().newPage();
    const answer = await page.goto(`${testEnvironment().compensate.apiUrl}/-/liveness`);
    expect(answer?.status()).toBe(200);
    await page.close();
  });
});
