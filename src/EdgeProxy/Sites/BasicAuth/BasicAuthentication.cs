using System.Text;
using EdgeProxy.Proxying;

namespace EdgeProxy.Sites.BasicAuth;

/// <summary>Lets only users with a password pass (RFC 7617).</summary>
internal sealed class BasicAuthentication
{
    private const string Scheme = "Basic ";

    private static readonly TimeSpan _retrySoon = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, string> _users;
    private readonly string _challenge;
    private readonly string _hashOfNobody;
    private readonly PasswordChecks _checks;

    /// <param name="options">Checked.</param>
    /// <param name="checks">Shared by all routes.</param>
    public BasicAuthentication(BasicAuthOptions options, PasswordChecks checks)
    {
        _users = new Dictionary<string, string>(options.Users!, StringComparer.Ordinal);
        _challenge = $"Basic realm=\"{options.Realm}\"";
        _checks = checks;
        // As dear as the dearest, so that an unknown name takes as long as a wrong password.
        _hashOfNobody = BcryptHash.OfNothing(_users.Values.Max(BcryptHash.CostOf));
    }

    /// <summary>Responds to the request unless it may pass.</summary>
    /// <returns>Whether it may.</returns>
    public async ValueTask<bool> AllowsAsync(HttpContext context)
    {
        if (!TryRead(context.Request.Headers.Authorization.ToString(), out var user, out var password))
        {
            await ChallengeAsync(context);
            return false;
        }

        var isKnown = _users.TryGetValue(user, out var hash);
        var result = _checks.Find(user, hash ?? _hashOfNobody, password)
            ?? await _checks.CheckAsync(user, hash ?? _hashOfNobody, password, context.Connection.RemoteIpAddress, context.RequestAborted);
        switch (result)
        {
            case PasswordCheck.Right when isKnown:
                return true;
            case PasswordCheck.TooMany:
                await GatewayErrors.WriteAsync(
                    context, StatusCodes.Status429TooManyRequests, "Too many wrong passwords from this address.", FailureLimit.TimePerTry);
                return false;
            case PasswordCheck.Busy:
                await GatewayErrors.WriteAsync(
                    context, StatusCodes.Status503ServiceUnavailable, "Too many passwords are being checked at the moment.", _retrySoon);
                return false;
            default:
                await ChallengeAsync(context);
                return false;
        }
    }

    private Task ChallengeAsync(HttpContext context) => GatewayErrors.WriteAsync(
        context, StatusCodes.Status401Unauthorized, "A user name and a password are needed.", challenge: _challenge);

    /// <remarks>Names and passwords are UTF-8 (RFC 7617 section 2.1), which browsers send whether told or not.</remarks>
    private static bool TryRead(string authorization, out string user, out string password)
    {
        (user, password) = ("", "");
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var encoded = authorization.AsSpan(Scheme.Length).Trim();
        var bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var count))
        {
            return false;
        }

        var credentials = Encoding.UTF8.GetString(bytes, 0, count);
        var colon = credentials.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            return false;
        }

        (user, password) = (credentials[..colon], credentials[(colon + 1)..]);
        return true;
    }
}
