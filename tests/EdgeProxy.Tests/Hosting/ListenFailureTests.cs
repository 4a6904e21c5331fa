using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Hosting;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Hosting;

/// <summary>The whole program: what an operator reads who starts it where it cannot listen.</summary>
public sealed class ListenFailureTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TcpListener _other = new(IPAddress.Loopback, 0);

    public ListenFailureTests() => _other.Start();

    private string Taken => $"http://127.0.0.1:{((IPEndPoint)_other.LocalEndpoint).Port}";

    public void Dispose()
    {
        _other.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_public_port_that_is_taken_is_one_line_that_names_it_and_the_way_out()
    {
        await AssertOneLineAsync(publicUrl: Taken, adminUrl: null, $"Failed to bind to address {Taken}: address already in use.", "change Kestrel:Endpoints");
        Assert.False(Path.Exists(_directory["admin.sock"]));
    }

    [Fact]
    public Task An_address_that_this_machine_does_not_have_is_one_line_that_names_it() => AssertOneLineAsync(
        // RFC 5737: nobody has it
        publicUrl: "http://192.0.2.1:8080", adminUrl: null, "cannot listen on 192.0.2.1:8080: Cannot assign requested address", "change Kestrel:Endpoints");

    [Fact]
    public Task An_admin_port_that_is_taken_is_one_line_that_names_it_and_the_way_out() =>
        AssertOneLineAsync(publicUrl: "http://127.0.0.1:0", adminUrl: Taken, $"The admin API cannot listen on {Taken}", "change Admin:Url");

    [Fact]
    public async Task An_admin_socket_on_which_a_process_responds_is_one_line_that_names_it()
    {
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(_directory["admin.sock"]));
        other.Listen();
        await AssertOneLineAsync(publicUrl: "http://127.0.0.1:0", adminUrl: null, $"{_directory["admin.sock"]}: EdgeProxy runs already", "Stop it first");
    }

    /// <summary>Otherwise each request would come back to the proxy, and back again, until there are no connections left.</summary>
    [Theory]
    [InlineData("http://127.0.0.1:{0}")]
    [InlineData("http://*:{0}")]
    public Task The_address_of_a_slot_is_one_line_that_names_both(string publicUrl)
    {
        var port = Backend.FreePort();
        return AssertOneLineAsync(
            string.Format(CultureInfo.InvariantCulture, publicUrl, port),
            ("EdgeProxy:Slots:Green:Address", $"\"http://localhost:{port}\""),
            $"EdgeProxy:Slots:Green:Address is http://localhost:{port}, and EdgeProxy itself listens there",
            "Give the slot another port, or change Kestrel:Endpoints");
    }

    [Fact]
    public async Task Told_to_stop_before_it_serves_it_ends_well()
    {
        using var settings = Settings("http://127.0.0.1:0", adminUrl: null);
        var run = await CommandLine.RunUntilAsync(["run", "--config", settings.Path], new CancellationToken(canceled: true));
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
    }

    [Fact]
    public void A_failure_of_another_kind_is_not_explained_away() => Assert.Null(ListenFailure.Explain(new InvalidOperationException("a bug")));

    [Fact]
    public async Task The_host_is_silent_about_a_failed_start_and_not_about_a_background_service()
    {
        var log = new HostLog();
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddProvider(log).QuietUntil(() => false);
        builder.Services.AddHostedService<Fails>().AddHostedService<CannotStart>();
        using var host = builder.Build();

        await Assert.ThrowsAsync<IOException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        await Eventually.TrueAsync(() => log.Seen is not null, "the background service's end");
        Assert.Equal((LogLevel.Critical, "it failed"), (log.Seen!.Value.Level, log.Seen.Value.Exception?.Message));
        Assert.Equal(1, log.Count);
    }

    private SettingsFile Settings(string publicUrl, string? adminUrl) =>
        Settings(publicUrl, ("EdgeProxy:Admin:Url", adminUrl is null ? "null" : $"\"{adminUrl}\""));

    private SettingsFile Settings(string publicUrl, params (string Key, string Json)[] others) => SettingsFile.With(
    [
        ("Kestrel:Endpoints:Http:Url", $"\"{publicUrl}\""),
        ("EdgeProxy:Units", """{ "Manager": "Process", "Process": { "Command": "sleep 600 {port}" } }"""),
        ("EdgeProxy:Admin:Socket", $"\"{_directory["admin.sock"]}\""),
        ("EdgeProxy:Admin:TokenFile", $"\"{_directory["admin.token"]}\""),
        ("EdgeProxy:State:Directory", $"\"{_directory["state"]}\""),
        ("EdgeProxy:Admin:Url", "null"),
        .. others,
    ]);

    private Task AssertOneLineAsync(string publicUrl, string? adminUrl, params string[] parts) =>
        AssertOneLineAsync(publicUrl, ("EdgeProxy:Admin:Url", adminUrl is null ? "null" : $"\"{adminUrl}\""), parts);

    private async Task AssertOneLineAsync(string publicUrl, (string Key, string Json) other, params string[] parts)
    {
        using var settings = Settings(publicUrl, other);

        var run = await CommandProcess.RunAsync("run", "--config", settings.Path);

        Assert.Equal(2, run.ExitCode);
        // What the check of the settings has warned of stands before it.
        var line = Assert.Single(run.Error.TrimEnd('\n').Split('\n'), one => !one.StartsWith("warning: ", StringComparison.Ordinal));
        Assert.StartsWith("edgeproxy: ", line, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, line, StringComparison.Ordinal));
        Assert.DoesNotContain("Exception", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Output, StringComparison.Ordinal);
    }

    private sealed class Fails : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.FromException(new InvalidOperationException("it failed"));
    }

    /// <summary>Fails after the background service has, as a listener that comes last.</summary>
    private sealed class CannotStart(IHostApplicationLifetime host) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, host.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new IOException("taken");
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>What the host itself logs from a warning on.</summary>
    private sealed class HostLog : ILoggerProvider, ILogger
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public (LogLevel Level, Exception? Exception)? Seen { get; private set; }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Interlocked.Increment(ref _count);
                Seen = (logLevel, exception);
            }
        }

        public void Dispose()
        {
        }
    }
}
