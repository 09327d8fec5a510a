# frozen_string_literal: true

require 'erb'
require 'json'
require 'net/http'
require 'openssl'
require 'securerandom'
require 'time'

# Sends syncs to the namespace provisioner and says what their answers mean (contract 1, 2 and 6; docs/integration.md).
# Ruby 3.0 or newer, standard library only. An instance may be shared by threads.
#
#   client = ProvisionClient.new(url: 'https://provisioner.example.com', issuer: 'https://customers.gitlab.com', private_key: pem)
#   answer = client.provision(sync.namespace_id, sync.attrs, sync_id: sync.id)
#   if answer.retry? then ProvisionJob.perform_in(answer.retry_in(tries), sync.namespace_id)
class ProvisionClient
  # What came of a request.
  #
  # state         of the attempt: :completed, :partially_failed, :skipped or :failed
  # retry         whether to send the same sync again
  # retry_after   seconds to wait at least before that, as the server asked; nil: it did not
  # http_status   nil: no answer came
  # body          the answer's JSON as a Hash; nil: it is none of the service's
  # message       why the sync did not complete; nil: it did
  # request_id    is in the service's log, too
  # workflow_id, run_id, workflow_url   name the run; nil: there is none
  Answer = Struct.new(:state, :retry, :retry_after, :http_status, :body, :message, :request_id, :workflow_id, :run_id,
                      :workflow_url, keyword_init: true) do
    def retry? = self.retry

    # Seconds until the next try after so many failed ones in a row: 2, 4, 8 … up to an hour, a quarter more or less so that
    # namespaces do not come back all at once, and not before the server wants it.
    def retry_in(failures)
      delay = 2.0 * 2**[failures - 1, 11].min * (0.75 + rand / 2)
      [[delay, retry_after || 0].max, 3600].min
    end
  end

  # Of the token (contract 1.2). `nbf` and `iat` are in the past, as the other clock may be behind.
  LIFETIME = 300
  CLOCK_MARGIN = 5

  # The service waits 10 seconds (PROVISION_WAIT_MS) before it answers 503.
  TIMEOUT = 15
  MAX_RETRY_AFTER = 300
  # Answers have a few hundred bytes.
  MAX_BODY = 2 * 1024 * 1024

  RESULT = ->(status) { ->(body) { body['status'] == status && body['payload'].is_a?(Hash) } }
  REFUSED = ->(body) { body.values_at('message', 'error').any?(String) }
  # The answers that decide, and the form that each of them has. All others are sent again: an operator's fault, something
  # that passes, or the page of a proxy.
  DECISIVE = {
    200 => [:completed, RESULT.call('success')],
    422 => [:partially_failed, RESULT.call('error')],
    409 => [:skipped, ->(body) { body['status'] == 'skipped' }],
    400 => [:failed, REFUSED], 404 => [:failed, REFUSED], 413 => [:failed, REFUSED], 415 => [:failed, REFUSED]
  }.freeze

  # Nobody knows whether the sync was applied.
  NO_ANSWER = [SystemCallError, SocketError, IOError, Timeout::Error, OpenSSL::SSL::SSLError, Net::ProtocolError,
               Net::HTTPBadResponse, Net::HTTPHeaderSyntaxError, Zlib::Error].freeze

  # @param url [String] of the API
  # @param issuer [String] as your discovery document gives it
  # @param private_key [String, OpenSSL::PKey::RSA] PEM, of the key that signs
  # @param kid [String] of that key in your key set; by default its thumbprint (RFC 7638)
  # @param timeout [Numeric] seconds to wait for the next byte of an answer, longer than the service's own wait
  def initialize(url:, issuer:, private_key:, kid: nil, timeout: TIMEOUT)
    @url = url.chomp('/')
    @issuer = issuer
    @key = private_key.is_a?(String) ? OpenSSL::PKey::RSA.new(private_key) : private_key
    @kid = kid || thumbprint
    @timeout = timeout
  end

  # Sends a sync. Raises for nothing that the network or the service does.
  #
  # @param namespace [Integer, String] the id or the full path of a root namespace
  # @param provision [Hash] everything that it is entitled to (contract 1.3)
  # @param sync_id [Integer] the id of your record, the same with every try: it orders the syncs of a namespace
  # @return [Answer]
  def provision(namespace, provision, sync_id:, request_id: SecureRandom.uuid)
    judge(*post(namespace, JSON.generate(sync_id: sync_id, provision: provision), request_id), request_id)
  rescue *NO_ANSWER => e
    Answer.new(state: :failed, retry: true, message: "No answer: #{e.message}", request_id: request_id)
  end

  # A fresh token; one for each request.
  def token
    issued = Time.now.to_i - CLOCK_MARGIN
    header = { alg: 'RS256', typ: 'JWT', kid: @kid }
    claims = { iss: @issuer, sub: 'customers-dot-internal-api', aud: 'gitlab-subscriptions',
               iat: issued, nbf: issued, exp: issued + LIFETIME, jti: SecureRandom.uuid }
    signed = [header, claims].map { |part| base64url(JSON.generate(part)) }.join('.')
    "#{signed}.#{base64url(@key.sign('SHA256', signed))}"
  end

  private

  def post(namespace, content, request_id)
    uri = URI("#{@url}/api/v4/internal/gitlab_subscriptions/namespaces/#{ERB::Util.url_encode(namespace)}/provision")
    request = Net::HTTP::Post.new(uri, 'Content-Type' => 'application/json', 'X-Request-Id' => request_id,
                                       'X-Customers-Dot-Internal-Token' => token)
    request.body = content
    options = { use_ssl: uri.scheme == 'https', open_timeout: 5, read_timeout: @timeout, max_retries: 0 }
    Net::HTTP.start(uri.host, uri.port, **options) do |http|
      body = +''
      response = http.request(request) do |answer|
        answer.read_body { |chunk| body.bytesize > MAX_BODY ? raise(IOError, 'it is too long') : body << chunk }
      end
      [response, body]
    end
  end

  def judge(response, text, request_id)
    status = response.code.to_i
    body = hash_in(response, text)
    state, form = DECISIVE[status]
    decides = !body.nil? && !form.nil? && form.call(body)
    Answer.new(
      state: decides ? state : :failed, retry: !decides, retry_after: decides ? nil : retry_after(response['Retry-After']),
      http_status: status, body: body, message: message(status, body, state && !decides), request_id: request_id,
      workflow_id: response['X-Provision-Workflow-Id'], run_id: response['X-Provision-Run-Id'],
      workflow_url: response['X-Provision-Workflow-Url']
    )
  end

  def hash_in(response, text)
    return unless response.content_type.to_s.downcase == 'application/json'

    body = JSON.parse(text)
    body if body.is_a?(Hash)
  rescue JSON::ParserError
    nil
  end

  def message(status, body, is_odd)
    return "#{status} without the answer of the API" if is_odd

    said = body&.values_at('message', 'error')&.grep(String)&.first
    said || (status == 200 ? nil : "The API answered #{status}")
  end

  # A whole number of seconds or a date in the future, else nil.
  def retry_after(header)
    seconds = header.to_s.match?(/\A\d+\z/) ? header.to_i : Time.httpdate(header.to_s) - Time.now
    [seconds, MAX_RETRY_AFTER].min if seconds.positive?
  rescue ArgumentError
    nil
  end

  def thumbprint
    e, n = [@key.e, @key.n].map { |number| base64url(number.to_s(2)) }
    base64url(OpenSSL::Digest::SHA256.digest(JSON.generate(e: e, kty: 'RSA', n: n)))
  end

  def base64url(bytes) = [bytes].pack('m0').tr('+/', '-_').delete('=')
end
