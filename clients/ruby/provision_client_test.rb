# frozen_string_literal: true

# Runs against a real service, which tests/service/cdot/rubyClient.test.ts hands over in the environment.
require 'minitest/autorun'
require 'socket'
require_relative 'provision_client'

class ProvisionClientTest < Minitest::Test
  SETUP = JSON.parse(ENV.fetch('PROVISIONER_TEST'))
  PROVISION = {
    base_product: { plan_code: 'premium', seats: 10, start_date: '2026-01-01', end_date: '2027-01-01' },
    storage: { additional_purchased_storage_size: 1024 }
  }.freeze

  def client(url: SETUP['url'], private_key: File.read(SETUP['key_file']), **options)
    ProvisionClient.new(url: url, issuer: SETUP['url'], private_key: private_key, **options)
  end

  def outcome(answer) = [answer.state, answer.retry?, answer.http_status]

  def test_200_is_completed_and_names_the_run
    answer = client.provision(SETUP['namespace'], PROVISION, sync_id: 1, request_id: 'from-ruby')
    assert_equal [:completed, false, 200], outcome(answer)
    assert_nil answer.message
    assert_equal({ 'status' => 'success' }, answer.body.dig('payload', 'storage'))
    assert_equal ["provision:#{SETUP['namespace']}", 'from-ruby'], [answer.workflow_id, answer.request_id]
    assert_includes answer.workflow_url, answer.run_id
  end

  def test_a_namespace_is_found_by_its_path
    assert_equal [:completed, false, 200], outcome(client.provision(SETUP['path'], {}, sync_id: 1))
  end

  def test_422_says_what_is_refused_and_is_not_sent_again
    answer = client.provision(SETUP['other'], { storage: { additional_purchased_storage_size: nil } }, sync_id: 1)
    assert_equal [:partially_failed, false, 422], outcome(answer)
    assert_equal "Namespace limit additional purchased storage size can't be blank", answer.message
  end

  def test_409_is_skipped
    client.provision(SETUP['overtaken'], {}, sync_id: 9)
    answer = client.provision(SETUP['overtaken'], {}, sync_id: 8)
    assert_equal [:skipped, false, 409, 'Superseded by sync 9'], [*outcome(answer), answer.message]
  end

  def test_a_wrong_request_fails_and_is_not_sent_again
    {
      client.provision(SETUP['other'], { storage: { additional_purchased_storage_size: 'much' } }, sync_id: 2) =>
        [400, 'provision[storage][additional_purchased_storage_size] is invalid'],
      client.provision(0, {}, sync_id: 1) => [404, '404 Namespace Not Found'],
      client.provision('no/such group', {}, sync_id: 1) => [404, '404 Namespace Not Found'],
      client.provision(SETUP['other'], { base_product: { plan_code: 'x' * 200_000 } }, sync_id: 2) =>
        [413, 'The body must not be larger than 100kb']
    }.each do |answer, (status, message)|
      assert_equal [:failed, false, status, message], [*outcome(answer), answer.message]
    end
  end

  def test_a_token_that_is_refused_is_sent_again
    header = JSON.parse(client.token[/\A[^.]+/].tr('-_', '+/').unpack1('m'))
    stranger = client(private_key: OpenSSL::PKey::RSA.new(2048), kid: header['kid'])
    answer = stranger.provision(SETUP['other'], {}, sync_id: 1)
    assert_equal [:failed, true, 401], outcome(answer)
  end

  # Writes of this namespace fail until the address `heal` is called.
  def test_503_is_sent_again_and_joins_the_run
    late = client.provision(SETUP['blocked'], PROVISION, sync_id: 1)
    assert_equal [:failed, true, 503, 2], [*outcome(late), late.retry_after]
    Net::HTTP.post(URI(SETUP['heal']), '')
    answer = late
    answer = client.provision(SETUP['blocked'], PROVISION, sync_id: 1) while answer.retry?
    assert_equal [:completed, false, 200, late.run_id], [*outcome(answer), answer.run_id]
  end

  # What no service of ours says.
  {
    'a page of a proxy' => ["422 Unprocessable\r\nContent-Type: text/html", '<html>', 422, '422 without the answer of the API'],
    'JSON of something else' => ["200 OK\r\nContent-Type: application/json", '{"ok":true}', 200, '200 without the answer of the API'],
    'a list' => ["404 Not Found\r\nContent-Type: application/json", '["message"]', 404, '404 without the answer of the API'],
    'JSON that is cut off' => ["200 OK\r\nContent-Type: application/json", '{"status":', 200, '200 without the answer of the API'],
    'a redirect' => ["302 Found\r\nLocation: /", '', 302, 'The API answered 302'],
    '500' => ["500 Oops\r\nContent-Type: application/json", '{"message":"500 Internal Server Error"}', 500, '500 Internal Server Error']
  }.each do |what, (head, body, status, message)|
    define_method("test_#{what.tr(' ', '_')}_is_sent_again") do
      answer = answered("HTTP/1.1 #{head}\r\nContent-Length: #{body.bytesize}\r\n\r\n#{body}")
      assert_equal [:failed, true, status, message], [*outcome(answer), answer.message]
    end
  end

  def test_no_answer_is_sent_again
    too_long = "HTTP/1.1 422 No\r\nContent-Type: application/json\r\n\r\n#{' ' * 5_000_000}"
    ['', 'nonsense', too_long, :never].each do |bytes|
      answer = answered(bytes)
      assert_equal [:failed, true, nil], outcome(answer)
      assert_match(/\ANo answer: ./, answer.message)
    end
    assert_equal [:failed, true, nil], outcome(client(url: 'http://127.0.0.1:1').provision(1, {}, sync_id: 1))
  end

  def test_an_answer_that_breaks_off_is_sent_again
    answer = answered("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{\"status\":\"success\"")
    assert_equal [:failed, true], [answer.state, answer.retry?]
  end

  def test_retry_after_counts_for_five_minutes_at_most
    { '7' => 7, '9999999' => 300, 'soon' => nil, '-1' => nil, '1.5' => nil, 'Thu, 01 Jan 1970 00:00:00 GMT' => nil,
      Time.now.+(3600).httpdate => 300 }.each do |header, seconds|
      answer = answered("HTTP/1.1 503 No\r\nRetry-After: #{header}\r\nContent-Length: 0\r\n\r\n")
      seconds.nil? ? assert_nil(answer.retry_after, header) : assert_equal(seconds, answer.retry_after, header)
    end
  end

  def test_tries_are_spaced_further_and_further_apart_up_to_an_hour
    answer = ProvisionClient::Answer.new(retry_after: nil)
    { 1 => 1.5..2.5, 2 => 3.0..5.0, 5 => 24.0..40.0, 12 => 3072.0..3600.0, 5000 => 3072.0..3600.0 }.each do |failures, range|
      20.times { assert_includes range, answer.retry_in(failures) }
    end
    assert_equal 30, ProvisionClient::Answer.new(retry_after: 30).retry_in(1)
  end

  private

  # Sends a sync to a server that answers with these bytes and closes the connection; with :never, not at all.
  def answered(bytes)
    server = TCPServer.new('127.0.0.1', 0)
    thread = Thread.new do
      socket = server.accept
      next socket.read if bytes == :never # until the client has had enough

      read_request(socket)
      socket.write(bytes)
    rescue SystemCallError
      nil # the client has stopped reading
    ensure
      socket&.close
    end
    client(url: "http://127.0.0.1:#{server.addr[1]}", timeout: 1).provision(1, {}, sync_id: 1)
  ensure
    thread&.join
    server&.close
  end

  def read_request(socket)
    head = socket.gets("\r\n\r\n")
    socket.read(head[/content-length: (\d+)/i, 1].to_i)
  end
end
