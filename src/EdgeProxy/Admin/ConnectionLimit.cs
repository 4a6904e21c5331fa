using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Admin;

/// <summary>Closes connections beyond a number, for one listener (Kestrel's own limit counts those of all).</summary>
internal sealed class ConnectionLimit(int max)
{
    private int _open;

    public void Use(IConnectionBuilder listener) => listener.Use(next => async connection =>
    {
        try
        {
            if (Interlocked.Increment(ref _open) <= max)
            {
                await next(connection);
            }
            else
            {
                connection.Abort();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    });
}
