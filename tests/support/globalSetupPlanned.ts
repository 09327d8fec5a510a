import { setUp } from './globalSetup';

export default () => setUp('planned');
