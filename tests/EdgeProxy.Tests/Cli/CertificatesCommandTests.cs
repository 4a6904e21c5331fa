using EdgeProxy.Common;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

public sealed class CertificatesCommandTests
{
    private const string Status = """
        { "certificates": [
          { "name": "shop.example.com", "source": "Acme", "state": "Valid", "issuer": "R3", "notAfter": "2026-03-01T00:00:00.000Z", "daysLeft": 61.2, "renewAt": "2026-02-01T00:00:00.000Z", "renewing": false },
          { "name": "www.example.com", "source": "Acme", "state": "Missing", "renewing": false, "lastErrorAt": "2026-01-01T00:00:00.000Z", "lastError": "dns: no such host" }
        ] }
        """;

    [Fact]
    public async Task A_line_a_certificate_and_a_line_for_what_is_wrong()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = Status;

        var run = await CommandLine.RunAsync("certificates", "--admin", admin.Url);

        Assert.Equal(ExitCode.Done, run.ExitCode);
        Assert.Equal(
            """
            NAME              SOURCE  STATE    ISSUER  ENDS                      LEFT    RENEWAL
            shop.example.com  Acme    Valid    R3      2026-03-01T00:00:00.000Z  61.2 d  2026-02-01T00:00:00.000Z
            www.example.com   Acme    Missing
            www.example.com, 2026-01-01T00:00:00.000Z: dns: no such host

            """,
            run.Output);
    }

    [Theory]
    [InlineData("shop.example.com", ExitCode.Done)]
    [InlineData("www.example.com", ExitCode.Failed)]
    [InlineData(null, ExitCode.Failed)]
    public async Task A_renewal_that_failed_is_the_exit_code(string? name, int expected)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = Status;

        var run = await CommandLine.RunAsync(["certificates", "renew", .. name is null ? (string[])[] : [name], "--admin", admin.Url, "--json"]);

        Assert.Equal(expected, run.ExitCode);
        Assert.StartsWith("[{", run.Output.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(name is null ? """{"name":null}""" : $$"""{"name":"{{name}}"}""", admin.Order);
    }

    [Fact]
    public async Task Without_certificates_it_says_so()
    {
        await using var admin = await FakeAdmin.StartAsync();

        Assert.StartsWith("There are none", (await CommandLine.RunAsync("certificates", "--admin", admin.Url)).Output, StringComparison.Ordinal);
    }
}
