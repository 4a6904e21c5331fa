using System.CommandLine;
using EdgeProxy.Api;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary>How a client verb finds the proxy: <c>--socket</c>, or <c>--admin</c> with <c>--token-file</c>; and the app: <c>--app</c>.</summary>
/// <param name="isOfApp">The verb is about one app.</param>
internal sealed class ClientOptions(bool isOfApp = true)
{
    private readonly Option<string?> _app = new("--app")
    {
        Description = "The app, where the proxy has several; 'edgeproxy status' names them",
        HelpName = "name",
    };

    private readonly Option<string> _socket = new("--socket")
    {
        Description = "The admin socket of the proxy",
        HelpName = "path",
        DefaultValueFactory = _ => AdminApi.DefaultSocket,
    };

    private readonly Option<Uri?> _admin = new("--admin")
    {
        Description = "The admin URL instead, e.g. http://127.0.0.1:9900",
        HelpName = "url",
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps))
            {
                return url;
            }

            result.AddError($"'{result.Tokens[0].Value}' is not an http or https URL");
            return null;
        },
    };

    private readonly Option<string?> _tokenFile = new("--token-file")
    {
        Description = "With --admin: the file that holds the token, usually /var/lib/edgeproxy/admin.token",
        HelpName = "file",
    };

    public void AddTo(Command command)
    {
        command.Add(_socket);
        command.Add(_admin);
        command.Add(_tokenFile);
        if (isOfApp)
        {
            command.Add(_app);
        }
    }

    /// <summary>Makes <paramref name="verb"/> the action of the command: it gets a client, and a proxy that cannot be reached is explained here.</summary>
    public void SetAction(Command command, Func<ParseResult, AdminClient, CancellationToken, Task<int>> verb)
    {
        AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var error = parsed.InvocationConfiguration.Error;
            using var interrupt = new Interrupt(cancellationToken);
            try
            {
                using var client = Connect(parsed);
                return await verb(parsed, client, interrupt.Token);
            }
            catch (AdminUnreachableException e)
            {
                await error.WriteLineAsync($"edgeproxy: {e.Message}");
                return ExitCode.Unreachable;
            }
            catch (AdminRefusedException e)
            {
                await error.WriteLineAsync($"edgeproxy: {e.Message}");
                return ExitCode.Refused;
            }
            catch (AdminUsageException e)
            {
                await error.WriteLineAsync($"edgeproxy: {PrintableText.Of(e.Message)}");
                return ExitCode.Usage;
            }
            catch (TokenFileException e)
            {
                await error.WriteLineAsync($"edgeproxy: {e.Message}");
                return ExitCode.Usage;
            }
            catch (OperationCanceledException) when (interrupt.Token.IsCancellationRequested)
            {
                await error.WriteLineAsync("edgeproxy: interrupted; what the proxy has begun goes on");
                return ExitCode.Failed;
            }
        });
    }

    private AdminClient Connect(ParseResult parsed) => parsed.GetValue(_admin) is { } url
        ? AdminClient.ForUrl(url, ReadToken(parsed.GetValue(_tokenFile)), AppOf(parsed))
        : AdminClient.ForSocket(parsed.GetValue(_socket)!, AppOf(parsed));

    private string? AppOf(ParseResult parsed) => isOfApp ? parsed.GetValue(_app) : null;

    private static string? ReadToken(string? file)
    {
        try
        {
            return file is null ? null : File.ReadAllText(file).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenFileException($"the token file {file} cannot be read: {e.Message}", e);
        }
    }

    private sealed class TokenFileException(string message, Exception inner) : Exception(message, inner);
}
