using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using EdgeProxy.Api;
using EdgeProxy.Common;
using EdgeProxy.Tls;

namespace EdgeProxy.Cli;

/// <summary><c>certificates</c>: how long each lasts, and what is wrong; <c>certificates renew</c>: have new ones now; <c>certificates root</c>: what to
/// trust.</summary>
internal static class CertificatesCommand
{
    private static readonly string[] Heading = ["NAME", "SOURCE", "STATE", "ISSUER", "ENDS", "LEFT", "RENEWAL"];

    public static Command Create()
    {
        var command = new Command("certificates", "Show how long the certificates last, and why one could not be renewed") { CreateRenew(), CreateRoot() };
        new ClientOptions(isOfApp: false).SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var response = await client.GetAsync(AdminApi.Status, cancellationToken);
            Write(parsed, Certificates(client, response));
            return ExitCode.Done;
        });
        return command;
    }

    private static Command CreateRenew()
    {
        var name = new Argument<string?>("name") { Description = "The domain; without it all that come from an authority", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("renew", "Have new certificates now, whatever the plan says; authorities limit how often") { name };
        new ClientOptions(isOfApp: false).SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var body = new RenewBody(parsed.GetValue(name));
            var response = await client.PostAsync(CertificateApi.Renew, body, TlsJson.Relaxed.RenewBody, cancellationToken);
            var certificates = Certificates(client, response);
            Write(parsed, certificates);
            var asked = certificates.Where(certificate =>
                JsonText.Of(certificate, "source") == "Acme"
                    && (body.Name is null || body.Name.Equals(JsonText.Of(certificate, "name"), StringComparison.OrdinalIgnoreCase)));
            return asked.Any(certificate => JsonText.Of(certificate, "lastError").Length > 0) ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    private static Command CreateRoot()
    {
        var command = new Command("root", "Print the root of the local authority (Tls:Internal), in PEM form, for clients to trust");
        new ClientOptions(isOfApp: false).SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var response = await client.GetAsync(CertificateApi.Root, cancellationToken);
            var root = response.Status == HttpStatusCode.OK ? response.Read(TlsJson.Relaxed.RootView).Root : throw client.Refusal(response);
            parsed.InvocationConfiguration.Output.Write(parsed.GetValue(JsonOption.Json) ? response.Body + "\n" : root);
            return ExitCode.Done;
        });
        return command;
    }

    private static List<JsonElement> Certificates(AdminClient client, AdminResponse response) =>
        response.Status != HttpStatusCode.OK ? throw client.Refusal(response)
        : JsonText.Get(JsonText.ReadObject(response.Body), "certificates") is { ValueKind: JsonValueKind.Array } certificates
            ? [.. certificates.EnumerateArray()]
        : [];

    private static void Write(ParseResult parsed, List<JsonElement> certificates)
    {
        var output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(JsonOption.Json))
        {
            output.WriteLine($"[{string.Join(',', certificates.Select(certificate => certificate.GetRawText()))}]");
            return;
        }

        if (certificates.Count == 0)
        {
            output.WriteLine("There are none: none of Tls:Acme:Domains, Tls:Certificates and Tls:Internal is set.");
            return;
        }

        JsonText.WriteTable([Heading, .. certificates.Select(Row)], output);
        foreach (var certificate in certificates.Where(certificate => JsonText.Of(certificate, "lastError").Length > 0))
        {
            output.WriteLine($"{JsonText.Of(certificate, "name")}, {JsonText.Of(certificate, "lastErrorAt")}: {JsonText.Of(certificate, "lastError")}");
        }
    }

    private static string[] Row(JsonElement certificate) =>
    [
        JsonText.Of(certificate, "name"),
        JsonText.Of(certificate, "source"),
        JsonText.Of(certificate, "state"),
        JsonText.Of(certificate, "issuer"),
        JsonText.Of(certificate, "notAfter"),
        JsonText.Get(certificate, "daysLeft") is { ValueKind: JsonValueKind.Number } left
            ? string.Create(CultureInfo.InvariantCulture, $"{left.GetDouble():0.0} d")
            : "",
        JsonText.Of(certificate, "renewing") == bool.TrueString ? "runs" : JsonText.Of(certificate, "renewAt"),
    ];
}
